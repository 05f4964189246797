#pragma once
// How to connect, from an AppBinding and its Secret. Pure.

#include <boost/json/object.hpp>
#include <string>

#include "base/failure.hpp"
#include "kubedb/engine_table.hpp"
#include "ports/cluster.hpp"

namespace kubedb {

// The name of the Secret that an AppBinding refers to; KubeDB's default when it does not say.
std::string secret_of(const boost::json::object& binding, const std::string& database);

// Failures: conflict ("credentials_not_ready": the secret lacks what the engine needs).
base::outcome<ports::credentials> credentials_of(const engine_kind& kind,
                                                 const boost::json::object& binding,
                                                 const boost::json::object& secret);

}  // namespace kubedb
