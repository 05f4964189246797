#pragma once
// The ways to change an object in part: JSON merge patch (RFC 7396), JSON patch (RFC 6902) and
// Kubernetes' strategic merge patch for the server's own types. Pure.

#include <boost/json.hpp>

#include "base/failure.hpp"

namespace apiserver {

void merge_patch(boost::json::value& target, const boost::json::value& patch);

// Failures: invalid (not a patch), conflict (a path that is not there, or a failed test).
base::outcome<void> json_patch(boost::json::value& target, const boost::json::value& patch);

// As a merge patch, but lists of things with a name of their own (containers, conditions, ...) are
// merged by it; directives: $patch, $deleteFromPrimitiveList. Which member names a thing is known
// for the types that this server has.
// github.com/kubernetes/community, contributors/devel/sig-api-machinery/strategic-merge-patch.md
void strategic_merge_patch(boost::json::value& target, const boost::json::value& patch);

}  // namespace apiserver
