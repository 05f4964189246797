#pragma once
// The connection string of MongoDB: check, defaults, and a form without credentials for messages.
// Pure: neither DNS nor connections.

#include <string>
#include <string_view>

#include "base/failure.hpp"
#include "base/secret.hpp"

namespace mongo {

inline constexpr std::string_view database_default = "dbaas";
// The largest maxPoolSize. The store starts one thread per connection.
inline constexpr int pool_size_limit = 1000;

struct url_facts {
    std::string printable;  // "mongodb://user:***@host1,host2/database", without options
    std::string database;   // of the path, else `database_default`
};

// Errors: invalid (not a connection string, or maxPoolSize outside 1..pool_size_limit). The text
// contains no credentials.
base::outcome<url_facts> check_url(const base::secret& url);

// Returns the URL with "***" as its password and without its options, which may contain secrets.
std::string printable_url(std::string_view url);

// Replaces each occurrence of the user information of the URL, also decoded, in a text of the
// driver.
std::string without_credentials(std::string text, const base::secret& url);

}  // namespace mongo
