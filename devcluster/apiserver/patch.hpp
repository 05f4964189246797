#pragma once
// Partial changes of an object: JSON merge patch (RFC 7396), JSON patch (RFC 6902) and Kubernetes'
// strategic merge patch for the built-in types. Pure.

#include "base/failure.hpp"
#include "json/json.hpp"

namespace apiserver {

void merge_patch(json::value& target, const json::value& patch);

// Errors: invalid (not a patch), conflict (a path that does not exist, or a failed test).
base::outcome<void> json_patch(json::value& target, const json::value& patch);

// Applies a merge patch that merges lists of named elements (containers, conditions, ...) by name.
// Directives: $patch, $deleteFromPrimitiveList. The merge keys cover the built-in types.
// github.com/kubernetes/community, contributors/devel/sig-api-machinery/strategic-merge-patch.md
void strategic_merge_patch(json::value& target, const json::value& patch);

}  // namespace apiserver
