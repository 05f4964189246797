#pragma once
// The KubeDB kinds that the local operator knows, and what it needs to reach their objects.

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

// A kind without a runtime of that name is answered with NotReady and an event.
struct engine_kind {
    std::string_view engine;
    std::string_view kind;
    std::string_view plural;
    std::string_view component;       // container, and key in OpsRequests' payloads
    std::string_view horizontal_key;  // empty: there are no OpsRequests of it
    int default_port;
    std::string_view url;  // fmt: port
    std::string_view first_role = "primary";
    std::string_view follower_role = "standby";
};

std::span<const engine_kind> engine_kinds();
kube::resource database_resource(const engine_kind& of);
kube::resource request_resource(const engine_kind& of);
kube::resource version_resource(const engine_kind& of);
kube::resource core(std::string_view plural, std::string_view kind);
kube::resource claims();    // PersistentVolumeClaims
kube::resource pet_sets();  // PetSets
kube::resource bindings();  // AppBindings

// What every database of the operator needs.
struct host {
    aio::executor on;
    kube::client& kube;
    aio::blocking_pool& pool;
    runtime::port_registry& ports;
    const base::clock& clock;
    obs::log& log;
    std::string data_dir;
    runtime::run_user as;
    bool makes_up_addresses = false;
};

// How the operator writes: under its own name; what a server does not know is not its fault.
kube::write_options own_write();
// Creates the object; one that is there is brought to the given content by a merge patch.
aio::task<> ensure(kube::client& client, kube::resource what, boost::json::object content);
// Success also when it is not there.
aio::task<> remove(kube::client& client, kube::resource what, std::string ns, std::string name);

}  // namespace controller
