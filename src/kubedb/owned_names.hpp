#pragma once
// The names that KubeDB and Kubernetes give to the objects of a database: the pod "cache-0" and the
// claim "data-cache-0" of the database "cache". Objects without a watch, and objects that are not
// known yet, are attributed by their names. Pure. Inside kubedb only.

#include <string_view>

#include "kubedb/engine_kind.hpp"
#include "kubedb/observe.hpp"

namespace kubedb {

// Returns the name without the prefix of a volume claim template: "cache-0" of the claim
// "data-cache-0". The name of the database is a prefix of the result.
std::string_view base_name(const object_reference& object) noexcept;

// Returns whether an object of this kind and name belongs to the database, if no other database has
// a longer matching name. A name is compared as a whole: "cache-b-0" does not belong to "cache",
// because "b" is no component of any engine.
bool is_owned_name(const engine_kind& engine, std::string_view database,
                   const object_reference& object);

}  // namespace kubedb
