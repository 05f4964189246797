#pragma once
// Checks before a write: completes and validates an object's name, metadata and content, in the
// order and with the messages of Kubernetes. Pure.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "devcluster/apiserver/resource_types.hpp"

namespace apiserver {

struct admission {
    const resource_type& type;
    std::string_view field_validation;  // "Strict", "Warn" (also if empty), "Ignore"
    bool is_patch = false;
};

// Validates the object and completes its content: defaults, pruning, stringData of secrets. Appends
// to `warnings`, which become Warning headers of the response. One error has the causes of the
// name, of the metadata and of the schema, as in kube-apiserver.
std::optional<status_error> admit(const admission& context, json::object& object,
                                  std::vector<std::string>& warnings);

}  // namespace apiserver
