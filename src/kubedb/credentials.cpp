#include "kubedb/credentials.hpp"

#include <fmt/format.h>

#include "base/base64.hpp"
#include "http/message.hpp"
#include "kube/json_text.hpp"
#include "kubedb/observe.hpp"

namespace kubedb {
namespace {

namespace json = boost::json;

void fill_environment(const engine_kind& kind, ports::credentials& login) {
    const auto set = [&login](std::string name, std::string value) {
        login.environment.emplace(std::move(name), base::secret(std::move(value)));
    };
    const auto port = std::to_string(login.port);
    if (kind.scheme == "postgresql") {
        set("PGHOST", login.host);
        set("PGPORT", port);
        set("PGUSER", login.username);
        set("PGPASSWORD", login.password.reveal());
        set("PGDATABASE", login.database);
    } else if (kind.scheme == "mysql") {
        set("MYSQL_HOST", login.host);
        set("MYSQL_TCP_PORT", port);
        set("MYSQL_PWD", login.password.reveal());
    } else if (kind.scheme == "redis") {
        set("REDISCLI_AUTH", login.password.reveal());
        set("REDIS_URL", login.uri.reveal());
    } else if (kind.scheme == "mongodb") {
        set("MONGODB_URI", login.uri.reveal());
    }
}

}  // namespace

std::string secret_of(const json::object& binding, const std::string& database) {
    const auto* spec = kube::object_at(binding, "spec");
    const auto* secret = spec == nullptr ? nullptr : kube::object_at(*spec, "secret");
    const auto name = secret == nullptr ? std::string_view() : kube::text_at(*secret, "name");
    return name.empty() ? database + "-auth" : std::string(name);
}

base::outcome<ports::credentials> credentials_of(const engine_kind& kind,
                                                 const json::object& binding,
                                                 const json::object& secret) {
    ports::credentials login;
    const auto endpoints = observe_endpoints(binding);
    if (!endpoints.empty()) {
        login.host = endpoints.front().host;
        login.port = endpoints.front().port;
    }
    if (login.port == 0) login.port = kind.default_port;
    login.database = kind.default_database;
    const auto* data = kube::object_at(secret, "data");
    const auto value = [&](std::string_view key) {
        return data == nullptr ? std::string()
                               : base::from_base64(kube::text_at(*data, key)).value_or("");
    };
    login.username = value("username");
    login.password = base::secret(value("password"));
    if (login.username.empty()) {  // Memcached: lines of user:password
        const auto lines = value("authData");
        const auto line = lines.substr(0, lines.find('\n'));
        const auto colon = line.find(':');
        if (colon != std::string::npos) {
            login.username = line.substr(0, colon);
            login.password = base::secret(line.substr(colon + 1));
        }
    }
    if (login.username.empty() || login.password.empty() || login.host.empty()) {
        return base::fail(base::errc::conflict, "the database has no credentials yet",
                          "credentials_not_ready");
    }
    login.uri = base::secret(
        fmt::format("{}://{}:{}@{}:{}/{}{}", kind.scheme, http::encode_percent(login.username),
                    http::encode_percent(login.password.reveal()), login.host, login.port,
                    login.database, kind.scheme == "postgresql" ? "?sslmode=prefer" : ""));
    fill_environment(kind, login);
    return login;
}

}  // namespace kubedb
