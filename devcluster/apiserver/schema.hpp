#pragma once
// Structural schemas of CustomResourceDefinitions: fill in defaults, find and drop unknown fields,
// check types, enums, bounds and required fields, with Kubernetes' words. Pure.
// kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "devcluster/apiserver/status.hpp"

namespace apiserver {

void set_defaults(const json::object& schema, json::value& value);
// Drops what the schema does not know; the paths of what was dropped ("spec.noSuchField").
std::vector<std::string> prune(const json::object& schema, json::value& value,
                               const std::string& path);
std::vector<cause> validate(const json::object& schema, const json::value& value,
                            const std::string& path);

}  // namespace apiserver
