#include "kubedb/credentials.hpp"

#include "base/base64.hpp"
#include "json/json_access.hpp"
#include "kubedb/app_binding.hpp"

namespace kubedb {
namespace {

using base::errc;
using base::fail;

// Sets user and password. Returns false if the Secret lacks one of them.
bool read_user(const engine_kind& kind, const json::object& secret, ports::credentials& login) {
    const auto& data = json::object_or_empty(secret, "data");
    const auto value = [&](std::string_view key) {
        return base::from_base64(json::text_at(data, key)).value_or("");
    };
    login.username = value("username");
    login.password = base::secret(value("password"));
    if (login.username.empty() && login.password.empty()) {  // Memcached: lines of user:password
        const auto lines = value("authData");
        const auto line = lines.substr(0, lines.find('\n'));
        const auto colon = line.find(':');
        if (colon != std::string::npos) {
            login.username = line.substr(0, colon);
            login.password = base::secret(line.substr(colon + 1));
        }
    }
    if (login.username.empty()) login.username = kind.default_user;
    return !login.username.empty() && !login.password.empty();
}

}  // namespace

base::outcome<ports::credentials> credentials_of(const engine_dialect& dialect,
                                                 const std::string& version,
                                                 const json::object& object,
                                                 const json::object* secret) {
    const auto& kind = dialect.kind();
    auto binding = read_app_binding(kind, object);
    if (!binding) {
        return fail(errc::conflict,
                    "the AppBinding of the database is not valid: " + binding.error().text,
                    "app_binding_invalid");
    }
    if (binding->version.empty()) binding->version = version;
    ports::credentials login{.host = binding->servers.front().host,
                             .port = binding->servers.front().port,
                             .database = std::string(kind.default_database)};
    if (secret != nullptr && !read_user(kind, *secret, login)) {
        return fail(errc::conflict, "the database has no credentials yet", "credentials_not_ready");
    }
    dialect.complete_login(login, *binding);
    return login;
}

}  // namespace kubedb
