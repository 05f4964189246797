#include "kubedb/engines/login_uri.hpp"

#include <fmt/format.h>

#include "http/message.hpp"

namespace kubedb {

std::string_view scheme_of(const engine_kind& kind, const app_binding& binding) noexcept {
    const bool is_tls = binding.security == transport_security::tls;
    return is_tls && !kind.tls_scheme.empty() ? kind.tls_scheme : kind.scheme;
}

base::secret login_uri(std::string_view scheme, const ports::credentials& login,
                       std::span<const server_address> servers, std::string_view query) {
    auto uri = fmt::format("{}://", scheme);
    if (!login.username.empty() || !login.password.empty()) {
        uri += fmt::format("{}:{}@", http::encode_percent(login.username),
                           http::encode_percent(login.password.reveal()));
    }
    std::string_view separator;
    for (const auto& [host, port] : servers) {
        const bool is_ipv6 = host.contains(':');
        uri += fmt::format("{}{}{}{}:{}", separator, is_ipv6 ? "[" : "", host, is_ipv6 ? "]" : "",
                           port);
        separator = ",";
    }
    uri += "/" + login.database;
    if (!query.empty()) uri += fmt::format("?{}", query);
    return base::secret(std::move(uri));
}

void set_variable(ports::credentials& login, std::string name, std::string value) {
    if (value.empty()) return;
    login.environment.emplace(std::move(name), base::secret(std::move(value)));
}

void complete_mysql_login(ports::credentials& login, const engine_kind& kind,
                          const app_binding& binding) {
    const bool is_tls = binding.security == transport_security::tls;
    login.uri = login_uri(kind.scheme, login, std::span(binding.servers).first(1),
                          is_tls ? "ssl-mode=REQUIRED" : "");
    set_variable(login, "MYSQL_HOST", login.host);
    set_variable(login, "MYSQL_TCP_PORT", std::to_string(login.port));
    set_variable(login, "MYSQL_PWD", std::string(login.password.reveal()));
}

}  // namespace kubedb
