#pragma once
// Discovery documents: groups, versions, resources (plain and aggregated), the server's version and
// health, and the part of OpenAPI v3 that 'kubectl apply' and 'kubectl explain' need. Pure.

#include <optional>
#include <string_view>

#include "devcluster/apiserver/resource_types.hpp"
#include "http/message.hpp"

namespace apiserver {

// The response to a GET of a discovery path; nullopt for every other path.
std::optional<http::response> discover(const type_table& types, std::string_view path,
                                       std::string_view accept);

// The segments between the slashes of a path.
std::vector<std::string_view> segments(std::string_view path);

}  // namespace apiserver
