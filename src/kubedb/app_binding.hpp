#pragma once
// Reads how to reach a database from its AppBinding: the servers, their security and version, the
// Secret. All URL forms of KubeDB and of its users are read here. Pure.

#include <cstdint>
#include <string>
#include <vector>

#include "base/failure.hpp"
#include "json/json.hpp"
#include "kubedb/engine_kind.hpp"

namespace kubedb {

struct server_address {
    std::string host;  // without the brackets of IPv6
    std::uint16_t port = 0;
    bool operator==(const server_address&) const = default;
};

enum class transport_security : std::uint8_t { plain, tls };

struct app_binding {
    std::vector<server_address> servers;  // never empty
    transport_security security = transport_security::plain;
    std::string version;  // of the server, such as "7.2.4"; may be empty
};

// Reads clientConfig.service, or clientConfig.url in one of these forms: scheme://servers/path,
// servers, user@tcp(servers)/path (Go's driver for MySQL). `servers` is a list of host[:port]
// separated by commas. A missing port is the default port of the engine. Errors: invalid.
base::outcome<app_binding> read_app_binding(const engine_kind& kind, const json::object& object);

// Returns the name of the Secret that the AppBinding names; empty if it names none.
std::string secret_of(const json::object& object);

}  // namespace kubedb
