#pragma once
// Slim CustomResourceDefinitions of the KubeDB kinds that the platform uses:
// devcluster/crds/*.json, embedded at build time. Pure.

#include <span>
#include <string_view>
#include <vector>

#include "base/failure.hpp"
#include "json/json.hpp"

namespace apiserver {

// The texts of devcluster/crds, in the order of file names.
std::span<const std::string_view> embedded_definitions();

// embedded_definitions(), parsed.
std::vector<json::object> kubedb_definitions();

// Parses one definition. Errors: invalid.
base::outcome<json::object> read_definition(std::string_view text);

}  // namespace apiserver
