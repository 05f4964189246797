#pragma once
// Resolves services/proxy and pods/proxy to the address of a backend. Pure, except for the random
// choice among several endpoints.

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <variant>

#include "devcluster/apiserver/objects.hpp"
#include "devcluster/apiserver/request_info.hpp"
#include "devcluster/apiserver/status_response.hpp"

namespace apiserver {

struct proxy_target {
    std::string host;
    std::uint16_t port = 0;
    std::string target;  // path and query for the backend
};

// The name part of a proxy path: [scheme:]NAME[:port].
struct proxy_name {
    std::string scheme, name, port;
};
proxy_name split_proxy_name(std::string_view text);

// A service is resolved by its Service and Endpoints objects, a pod by its status.podIP.
std::variant<proxy_target, status_error> resolve_proxy(const object_store& objects,
                                                       const request_info& info,
                                                       std::mt19937_64& random);

}  // namespace apiserver
