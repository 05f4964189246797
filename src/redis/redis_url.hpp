#pragma once
// The URL of a Redis service: standalone servers, Cluster seeds, or Sentinels. README.md describes
// the forms. Plain values; pure.

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"
#include "base/secret.hpp"

namespace redis {

struct endpoint {
    std::string host;  // an IPv6 address has no brackets
    std::uint16_t port = 0;
    auto operator<=>(const endpoint&) const = default;
};
// Returns "host:port" or "[address]:port".
std::string to_text(const endpoint& server);

struct redis_url {
    std::vector<endpoint> servers;  // one at minimum; Sentinels if sentinel_master is not empty
    std::string user;               // empty: the default user
    base::secret password;          // empty: no authentication
    unsigned database = 0;
    bool is_secure = false;       // TLS to the servers and to the Sentinels
    std::string sentinel_master;  // empty: no Sentinel
    std::string sentinel_user;    // credentials of the Sentinels
    base::secret sentinel_password;

    // Returns the URL without credentials, for logs.
    [[nodiscard]] std::string masked() const;
};

// Errors: invalid. The text names the wrong part and quotes nothing of the URL, because a
// misplaced separator moves the password into another part.
base::outcome<redis_url> parse_redis_url(std::string_view text);

}  // namespace redis
