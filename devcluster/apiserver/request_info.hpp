#pragma once
// A request as the Kubernetes API understands its path and query, before any object is read. Pure.
// Kubernetes calls it RequestInfo.

#include <map>
#include <string>
#include <string_view>

#include "base/failure.hpp"
#include "devcluster/apiserver/objects.hpp"
#include "devcluster/apiserver/resource_types.hpp"
#include "http/message.hpp"

namespace apiserver {

struct request_info {
    type_pointer type;  // null: discovery, or a path that is not served
    std::string verb;   // "get", "list", "watch", "create", ..., "proxy", "discovery"
    std::string ns;
    std::string name;         // empty: the collection
    std::string subresource;  // "status", "proxy", ""
    std::string rest;         // the path after .../proxy
    std::string path;         // decoded
    std::string raw_query;    // as received
    std::map<std::string, std::string, std::less<>> query;

    [[nodiscard]] std::string_view option(std::string_view wanted) const;
    [[nodiscard]] bool flag(std::string_view wanted) const;  // "true" or "1"
    [[nodiscard]] object_key key() const { return {ns, name}; }
    // "postgreses/status"; empty for discovery.
    [[nodiscard]] std::string resource() const;
};

// Errors: invalid (the target cannot be decoded).
base::outcome<request_info> parse_request(const type_table& types, const http::request& incoming);

}  // namespace apiserver
