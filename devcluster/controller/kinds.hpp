#pragma once
// The KubeDB kinds of the local operator, their resources, and the dependencies of a database.

#include <span>
#include <string>
#include <string_view>

#include "aio/aio.hpp"
#include "base/clock.hpp"
#include "devcluster/runtime/local_ports.hpp"
#include "devcluster/runtime/process.hpp"
#include "kube/kube_client.hpp"
#include "obs/log.hpp"

namespace controller {

// A database of a kind without a runtime gets the phase NotReady and an event.
struct engine_kind {
    std::string_view engine;
    std::string_view kind;
    std::string_view plural;
    std::string_view component;       // container name, and key in OpsRequest payloads
    std::string_view horizontal_key;  // empty: the kind has no OpsRequests
    int default_port;
    std::string_view url;  // fmt: port
    std::string_view first_role = "primary";
    std::string_view follower_role = "standby";
};

std::span<const engine_kind> engine_kinds();
kube::resource database_resource(const engine_kind& kind);
kube::resource request_resource(const engine_kind& kind);
kube::resource version_resource(const engine_kind& kind);
kube::resource core(std::string_view plural, std::string_view kind);
kube::resource claims();    // PersistentVolumeClaims
kube::resource pet_sets();  // PetSets
kube::resource bindings();  // AppBindings

// The dependencies of every database of the operator.
struct operator_deps {
    aio::executor executor;
    kube::client& kube;
    aio::blocking_pool& pool;
    runtime::port_registry& ports;
    const base::clock& clock;
    obs::log& log;
    std::string data_dir;
    runtime::run_user as;
    bool uses_synthetic_addresses = false;
};

// Options of a write: the operator's field manager, and no errors for unknown fields.
kube::write_options own_write();
// Creates the object, or updates a present one with a merge patch.
aio::task<> ensure(kube::client& client, kube::resource resource, json::object content);
// Succeeds also if the object does not exist.
aio::task<> remove(kube::client& client, kube::resource resource, std::string ns, std::string name);

}  // namespace controller
