#pragma once
// Combines an AppBinding and its Secret to a login. Pure.

#include <string>

#include "base/failure.hpp"
#include "json/json.hpp"
#include "kubedb/engine_dialect.hpp"
#include "ports/cluster.hpp"

namespace kubedb {

// Returns the login that the AppBinding `object` and its Secret give. `secret` is nullptr if the
// database has no authentication. `version` is the version of the record; that of the AppBinding
// comes first. Errors: conflict/"credentials_not_ready" (the Secret lacks a required key),
// conflict/"app_binding_invalid".
base::outcome<ports::credentials> credentials_of(const engine_dialect& dialect,
                                                 const std::string& version,
                                                 const json::object& object,
                                                 const json::object* secret);

}  // namespace kubedb
