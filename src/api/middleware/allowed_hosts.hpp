#pragma once
// Protection against DNS rebinding. Without authentication the API is open to every local client,
// and so to web pages whose host name resolves to a loopback address. Such requests carry a foreign
// Host header. Pure.

#include <span>
#include <string>
#include <string_view>

namespace api {

// Returns whether a Host header, with or without a port, names one of the allowed hosts. These are
// in lower case, with IPv6 addresses in brackets. An empty list allows every host.
bool is_allowed_host(std::string_view host, std::span<const std::string> allowed);

}  // namespace api
