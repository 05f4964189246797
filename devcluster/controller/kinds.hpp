#pragma once
// The KubeDB kinds that the local operator serves, and what it needs to reach their objects.

#include <span>
#include <string>
#include <string_view>

#include "aio/aio.hpp"
#include "base/clock.hpp"
#include "devcluster/runtime/process.hpp"
#include "kube/client.hpp"
#include "obs/log.hpp"

namespace controller {

struct engine_kind {
    std::string_view engine;
    std::string_view kind;
    std::string_view plural;
    std::string_view component;  // key in OpsRequests' payloads
    std::string_view horizontal_key;
    int default_port;
    std::string_view url;  // fmt: port
};

std::span<const engine_kind> engine_kinds();
kube::resource database_resource(const engine_kind& of);
kube::resource request_resource(const engine_kind& of);
kube::resource version_resource(const engine_kind& of);

// What every database of the operator needs.
struct host {
    aio::executor on;
    kube::client& kube;
    aio::blocking_pool& pool;
    const base::clock& clock;
    obs::log& log;
    std::string data_dir;
    runtime::run_user as;
};

// Creates the object; one that is there is brought to the given content by a merge patch.
aio::task<> ensure(kube::client& through, kube::resource what, boost::json::object content);
// Success also when it is not there.
aio::task<> remove(kube::client& through, kube::resource what, std::string name_space,
                   std::string name);
kube::resource core(std::string_view plural, std::string_view kind);

}  // namespace controller
