#pragma once
// The address of the client behind proxies. Pure. Inside api only.

#include <span>
#include <string>
#include <string_view>

#include "base/ip_network.hpp"
#include "http/message.hpp"

namespace api {

// Returns the address of the client without its port. If the other end of the connection is a
// trusted proxy, the address is the last one of X-Forwarded-For that is not a trusted proxy, or the
// first one if all of them are. An entry that is no address ends the search at the entry after it,
// because a client can write any text in front of what the proxies add.
std::string client_address(const http::request& request,
                           std::span<const base::ip_network> trusted_proxies);

// Returns the network that one client can choose its addresses from: the address itself for IPv4,
// the /64 network for IPv6. A text that is no address is returned as it is.
std::string client_network(std::string_view address);

}  // namespace api
