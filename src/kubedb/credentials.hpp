#pragma once
// Reads how to connect from an AppBinding and its Secret. Pure.

#include <boost/json/object.hpp>
#include <string>

#include "base/failure.hpp"
#include "kubedb/engine_kind.hpp"
#include "ports/cluster.hpp"

namespace kubedb {

// Returns the name of the Secret of an AppBinding, or KubeDB's default name.
std::string secret_of(const boost::json::object& binding, const std::string& database);

// Returns the login. Errors: conflict/"credentials_not_ready" (the Secret lacks a required key).
base::outcome<ports::credentials> credentials_of(const engine_kind& kind,
                                                 const boost::json::object& binding,
                                                 const boost::json::object& secret);

}  // namespace kubedb
