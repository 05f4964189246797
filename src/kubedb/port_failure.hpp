#pragma once
// Failures as ports::cluster promises them. The reasons of Kubernetes and of the HTTP client
// concern the platform's own requests: a client of the platform must not take "Unauthorized" for a
// statement about itself. Inside kubedb only.

#include <string_view>

#include "base/failure.hpp"
#include "obs/log.hpp"

namespace kubedb {

// Returns the failure without such a reason. An unavailable cluster gets the reason
// "cluster_unavailable". Each field error gets a code of the platform: "required" for
// FieldValueRequired, "rejected_by_cluster" for an unknown cause. Logs a rejection of the
// platform's credentials with its text, which the returned failure does not have.
base::failure port_failure(base::failure failure, std::string_view activity, obs::log& log);

}  // namespace kubedb
