#pragma once
// Whether a request was meant for this server. Nobody has to log in while the API listens on
// loopback, so a web page must not reach it under a name that its author has pointed there (DNS
// rebinding): only names of this machine are answered. Pure.

#include <span>
#include <string>
#include <string_view>

namespace api {

// `host` as in the Host header, with or without a port; `served` in lower case, an IPv6 address in
// brackets. An empty list serves every name.
bool is_served_host(std::string_view host, std::span<const std::string> served);

}  // namespace api
