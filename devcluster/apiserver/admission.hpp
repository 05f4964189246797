#pragma once
// What may be written: an object's name, metadata and content, completed and checked in the order
// and with the words of Kubernetes. Pure.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "devcluster/apiserver/resource_types.hpp"

namespace apiserver {

struct admission {
    const resource_type& type;
    std::string_view field_validation;  // "Strict", "Warn" (also when not given), "Ignore"
    bool is_patch = false;
};

// Checks the object's own content and completes it: defaults, pruning, stringData of secrets.
// `warnings` are for the answer's header.
std::optional<refusal> admit(const admission& how, json::object& object,
                             std::vector<std::string>& warnings);

// Faults of metadata.name for the type, with Kubernetes' explanations.
std::vector<cause> check_name(const resource_type& type, std::string_view name);

}  // namespace apiserver
