#pragma once
// JSON merge patch (RFC 7396) and JSON patch (RFC 6902). Pure.

#include <boost/json.hpp>

#include "base/failure.hpp"

namespace apiserver {

void merge_patch(boost::json::value& target, const boost::json::value& patch);
// Failures: invalid (not a patch), conflict (a path that is not there, or a failed test).
base::outcome<void> json_patch(boost::json::value& target, const boost::json::value& patch);

}  // namespace apiserver
