#include "kubedb/app_binding.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/ascii.hpp"
#include "http/message.hpp"
#include "json/json_access.hpp"

namespace kubedb {
namespace {

using base::errc;
using base::fail;
using json::object_at;
using json::object_or_empty;
using json::text_at;

// The parts of a URL that are read. Views into its text.
struct url_parts {
    std::string_view scheme;
    std::string_view servers;
    std::string_view query;
};

std::string_view query_of(std::string_view text) {
    const auto sign = text.find('?');
    return sign == std::string_view::npos ? std::string_view() : text.substr(sign + 1);
}

url_parts split(std::string_view url) {
    // The user and the password before tcp() are not encoded.
    constexpr std::string_view protocol = "tcp(";
    const auto tcp = url.rfind(protocol);
    const bool is_driver_name = tcp == 0 || (tcp != std::string_view::npos && url[tcp - 1] == '@');
    if (is_driver_name) {
        const auto rest = url.substr(tcp + protocol.size());
        const auto close = std::min(rest.find(')'), rest.size());
        return {
            .scheme = {}, .servers = rest.substr(0, close), .query = query_of(rest.substr(close))};
    }
    url_parts parts;
    // A URL without a scheme can have one in its query.
    if (const auto colon = url.find("://"); colon < url.find_first_of("/?#@")) {
        parts.scheme = url.substr(0, colon);
        url.remove_prefix(colon + 3);
    }
    parts.query = query_of(url);
    parts.servers = url.substr(0, url.find_first_of("/?#"));
    if (const auto sign = parts.servers.rfind('@'); sign != std::string_view::npos) {
        parts.servers.remove_prefix(sign + 1);
    }
    return parts;
}

base::outcome<std::vector<server_address>> read_servers(std::string_view list,
                                                        std::uint16_t default_port) {
    std::vector<server_address> servers;
    while (true) {
        const auto comma = std::min(list.find(','), list.size());
        auto text = base::trimmed(list.substr(0, comma));
        if (text.ends_with(':')) text.remove_suffix(1);  // an empty port is a missing one
        auto server = http::parse_host_port(text);
        if (!server) {
            return fail(errc::invalid, "spec.clientConfig.url: each server " + server.error().text);
        }
        const auto port = server->port.value_or(default_port);
        servers.push_back({.host = std::move(server->host), .port = port});
        if (comma == list.size()) return servers;
        list.remove_prefix(comma + 1);
    }
}

base::outcome<server_address> read_service(const json::object& service, std::string_view ns,
                                           std::uint16_t default_port) {
    if (const auto own = text_at(service, "namespace"); !own.empty()) ns = own;
    const auto name = text_at(service, "name");
    if (name.empty()) return fail(errc::invalid, "spec.clientConfig.service.name must be given");
    auto port = json::number_at(service, "port").value_or(0);
    if (port == 0) port = default_port;
    if (port < 0 || port > 65535) {
        return fail(
            errc::invalid,
            fmt::format("spec.clientConfig.service.port must be from 1 to 65535, is {}", port));
    }
    return server_address{.host = fmt::format("{}.{}.svc", name, ns),
                          .port = static_cast<std::uint16_t>(port)};
}

// Returns the security that a query such as "sslmode=disable" or "tls=true" requires.
std::optional<transport_security> security_of_query(std::string_view query) {
    constexpr std::array<std::string_view, 4> keys{"sslmode", "ssl-mode", "ssl", "tls"};
    constexpr std::array<std::string_view, 7> optional_values{
        "disable", "disabled", "allow", "prefer", "preferred", "false", "0"};
    const auto items = http::parse_query(query);
    if (!items) return std::nullopt;
    for (const auto& item : *items) {
        if (std::ranges::find(keys, base::lower(item.name)) == keys.end()) continue;
        const auto value = base::lower(item.value);
        return std::ranges::find(optional_values, value) == optional_values.end()
                   ? transport_security::tls
                   : transport_security::plain;
    }
    return std::nullopt;
}

transport_security security_of(const engine_kind& kind, const json::object& spec,
                               const url_parts& parts) {
    if (const auto security = security_of_query(parts.query)) return *security;
    const auto scheme = base::lower(parts.scheme);
    if (!kind.tls_scheme.empty() && scheme == kind.tls_scheme) return transport_security::tls;
    // Elasticsearch has a certificate authority for the traffic of its members even without TLS for
    // clients.
    if (scheme == "http") return transport_security::plain;
    const bool has_authority = !text_at(object_or_empty(spec, "clientConfig"), "caBundle").empty();
    const bool has_certificate = !text_at(object_or_empty(spec, "tlsSecret"), "name").empty();
    return has_authority || has_certificate ? transport_security::tls : transport_security::plain;
}

}  // namespace

base::outcome<app_binding> read_app_binding(const engine_kind& kind, const json::object& object) {
    const auto& spec = object_or_empty(object, "spec");
    const auto& client = object_or_empty(spec, "clientConfig");
    app_binding binding{.servers = {}, .version = std::string(text_at(spec, "version"))};
    auto parts = split(text_at(client, "url"));
    if (const auto* service = object_at(client, "service")) {
        const auto ns = text_at(object_or_empty(object, "metadata"), "namespace");
        auto server = read_service(*service, ns, kind.default_port);
        if (!server) return base::pass(std::move(server));
        binding.servers.push_back(std::move(*server));
        if (const auto scheme = text_at(*service, "scheme"); !scheme.empty()) parts.scheme = scheme;
        if (const auto query = text_at(*service, "query"); !query.empty()) parts.query = query;
    } else {
        if (base::lower(parts.scheme).ends_with("+srv")) {
            return fail(errc::invalid,
                        "spec.clientConfig.url: the servers of an SRV record cannot be read; name "
                        "each server");
        }
        if (base::lower(parts.scheme).contains("sentinel")) {
            return fail(errc::invalid,
                        "spec.clientConfig.url: a sentinel is not a database server; name each "
                        "server");
        }
        auto servers = read_servers(parts.servers, kind.default_port);
        if (!servers) return base::pass(std::move(servers));
        binding.servers = std::move(*servers);
    }
    binding.security = security_of(kind, spec, parts);
    return binding;
}

std::string secret_of(const json::object& object) {
    const auto& spec = object_or_empty(object, "spec");
    return std::string(text_at(object_or_empty(spec, "secret"), "name"));
}

}  // namespace kubedb
