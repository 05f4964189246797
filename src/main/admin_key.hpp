#pragma once
// The file with the API key of the first administrator. Read or made once, at the start.

#include <optional>
#include <string>

#include "base/failure.hpp"
#include "base/secret.hpp"

struct admin_key_file {
    std::string path;
    bool is_always_made = false;  // if it does not exist, even if there is an administrator already
    bool has_administrator = false;
};

struct admin_key {
    base::secret text;
    bool is_new = false;  // the file was made
    bool operator==(const admin_key&) const = default;
};

// Returns the key in the file. If the file does not exist and a key is needed, writes `new_key` to
// a file that only its owner may read and returns it. Returns nothing if no key is needed. Errors:
// invalid (the file is empty or cannot be read, or every user may write to it), unavailable (the
// file cannot be written).
base::outcome<std::optional<admin_key>> obtain_admin_key(const admin_key_file& file,
                                                         const base::secret& new_key);
