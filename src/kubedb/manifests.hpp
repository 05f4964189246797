#pragma once
// Builds KubeDB objects from records. Pure. Shapes: KubeDB's kubedb.com/v1 and
// ops.kubedb.com/v1alpha1.

#include <optional>
#include <string>
#include <string_view>

#include "domain/desired.hpp"
#include "domain/observed.hpp"
#include "domain/operation.hpp"
#include "domain/topology.hpp"
#include "json/json.hpp"
#include "kubedb/engine_dialect.hpp"

namespace kubedb {

json::object namespace_manifest(const domain::project& project);
// Returns the complete object, which is POSTed once.
json::object database_manifest(const engine_dialect& dialect, const domain::database& record);
// Returns the dependent object. Precondition: the dialect says that the topology needs it.
json::object dependent_manifest(const engine_dialect& dialect, const domain::database& record);
// Returns the merge patch that applies labels, pause and deletion policy of the record. `present`
// are the user's labels on the object, as observe_database() returns them. The patch deletes the
// labels that the record no longer has.
json::object update_patch(const engine_kind& kind, const domain::database& record,
                          const domain::labels& present);
// Returns the OpsRequest of the change. It names the node groups that differ from `present`, the
// observed topology. nullopt if the engine has no such request.
std::optional<json::object> ops_manifest(const engine_dialect& dialect,
                                         const domain::database& record,
                                         const domain::topology& present,
                                         domain::change_kind change,
                                         const std::string& operation_id);
// Returns the name of an OpsRequest. The same operation and change have the same name, so a
// repeated create is idempotent.
std::string ops_name(const domain::database& record, domain::change_kind change,
                     const std::string& operation_id);

}  // namespace kubedb
