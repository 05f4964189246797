#pragma once
// `dbaas login`: logs a person in by the device grant, and keeps the tokens in a file that only its
// owner may read. Exit codes: 0 logged in, 1 rejected, 2 wrong usage, 3 no response.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/failure.hpp"
#include "base/secret.hpp"

namespace login {

struct options {
    std::string url;       // "https://dbaas.example.com"
    std::string issuer{};  // empty: the first issuer of the platform
    std::string token_file{};
    std::string ca_file{};  // empty: the trust store of the system
    bool prints_token = false;
};

// The content of the token file.
struct stored_tokens {
    std::string url;
    base::secret access_token;
    base::instant expires_at{};  // of the access token
    base::secret refresh_token;
};

// Returns the options from the flags. The default of --token-file is in HOME or XDG_CONFIG_HOME.
// Errors: invalid (unknown flag, wrong value, no URL).
base::outcome<options> parse(const std::vector<std::string>& flags,
                             const std::map<std::string, std::string>& environment);

// Returns text of an issuer or a platform for the terminal: a byte that is not printable ASCII,
// such as that of an escape sequence, becomes '?'.
std::string printable(std::string_view text);

std::string encode(const stored_tokens& tokens);
// Errors: corrupt.
base::outcome<stored_tokens> decode(std::string_view text);

// Replaces the file atomically. Only its owner may read it (mode 0600), whatever the mode of the
// former file was. Missing folders are created with the mode 0700. Errors: unavailable.
base::outcome<void> write_tokens(const std::string& path, const stored_tokens& tokens);

// Runs the command. Returns the exit code.
int run(const std::vector<std::string>& flags,
        const std::map<std::string, std::string>& environment);

}  // namespace login
