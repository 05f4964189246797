#pragma once
// Slim CustomResourceDefinitions of the KubeDB kinds that the platform uses:
// devcluster/crds/*.json, embedded at build time. Pure.

#include <boost/json.hpp>
#include <span>
#include <string_view>
#include <vector>

#include "base/failure.hpp"

namespace apiserver {

// The texts of devcluster/crds, in the order of file names.
std::span<const std::string_view> embedded_definitions();

// embedded_definitions(), parsed.
std::vector<boost::json::object> kubedb_definitions();

// Parses one definition. Errors: invalid.
base::outcome<boost::json::object> read_definition(std::string_view text);

}  // namespace apiserver
