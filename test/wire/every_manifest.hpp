#pragma once
// Every object that the platform can write: each engine in each of its topologies, durable and
// ephemeral where it may be, with the changes that may be asked for. For the tests that show these
// to an API server: wire_test (the local one, our definitions) and conformance (the real one,
// KubeDB's own).

#include <array>
#include <boost/json/object.hpp>
#include <vector>

#include "domain/types.hpp"
#include "kube/kube_client.hpp"
#include "kubedb/engine_table.hpp"

namespace tests {

struct written_database {
    const kubedb::engine_kind* kind;
    domain::database record;
};
// All in the project "t", named n1, n2, ...
std::vector<written_database> every_database();

struct written_object {
    kube::resource what;
    boost::json::object content;
};
written_object object_of(const written_database& database);
// Where it needs one (a replicated Redis), otherwise nothing.
std::vector<written_object> companions_of(const written_database& database);
// Nothing for a change that the engine does not know.
std::vector<written_object> change_of(const written_database& database, domain::change_kind change);

inline constexpr std::array every_change{
    domain::change_kind::vertical_scaling, domain::change_kind::horizontal_scaling,
    domain::change_kind::volume_expansion, domain::change_kind::restart};

}  // namespace tests
