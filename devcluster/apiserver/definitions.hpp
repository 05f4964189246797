#pragma once
// Slim CustomResourceDefinitions of the KubeDB kinds that the platform uses:
// devcluster/crds/*.json, put into the program when it is built. Pure.

#include <boost/json.hpp>
#include <span>
#include <string_view>
#include <vector>

#include "base/failure.hpp"

namespace apiserver {

// The texts of devcluster/crds, by file name.
std::span<const std::string_view> embedded_definitions();

// The same, read.
std::vector<boost::json::object> kubedb_definitions();

// A text that holds one definition. Failure: invalid.
base::outcome<boost::json::object> read_definition(std::string_view text);

}  // namespace apiserver
