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

// Validates the content of the object and completes it: defaults, pruning, stringData of secrets.
// Appends to `warnings`, which become Warning headers of the response.
std::optional<status_error> admit(const admission& context, json::object& object,
                                  std::vector<std::string>& warnings);

// Returns the errors of metadata.name for the type, with Kubernetes' messages.
std::vector<cause> check_name(const resource_type& type, std::string_view name);

}  // namespace apiserver
