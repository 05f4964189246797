#pragma once
// Every object that the platform can write: each engine in each of its topologies, with durable and
// ephemeral storage, and with its changes. wire_test sends them to the local API server with the
// bundled definitions; conformance sends them to a real one with KubeDB's definitions.

#include <array>
#include <vector>

#include "domain/desired.hpp"
#include "domain/observed.hpp"
#include "json/json.hpp"
#include "kube/kube_client.hpp"
#include "kubedb/engine_dialect.hpp"

namespace tests {

struct written_database {
    const kubedb::engine_dialect* dialect = nullptr;
    domain::database record;
};
// Returns a database of each kind in the project "t". The names are n1, n2 and so on.
std::vector<written_database> every_database();

struct written_object {
    kube::resource resource;
    json::object content;
};
written_object object_of(const written_database& database);
// Returns the dependent objects, which only a replicated Redis has.
std::vector<written_object> dependent_objects_of(const written_database& database);
// Returns the OpsRequests of a change: one for each group that the change can alter, and one for
// all of them together. Empty if the engine does not support the change.
std::vector<written_object> change_requests_of(const written_database& database,
                                               domain::change_kind change);

inline constexpr std::array every_change{
    domain::change_kind::vertical_scaling, domain::change_kind::horizontal_scaling,
    domain::change_kind::volume_expansion, domain::change_kind::restart};

}  // namespace tests
