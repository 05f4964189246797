#pragma once
// What the API server says about itself: groups, versions, resources (plain and aggregated), its
// version, its health, and as much OpenAPI v3 as kubectl needs for 'apply' and 'explain'. Pure.

#include <optional>
#include <string_view>

#include "devcluster/apiserver/resource_types.hpp"
#include "http/message.hpp"

namespace apiserver {

// The answer to a GET of such a path; nothing for every other path.
std::optional<http::response> discover(const type_table& types, std::string_view path,
                                       std::string_view accept);

// The parts between the slashes of a path.
std::vector<std::string_view> segments(std::string_view path);

}  // namespace apiserver
