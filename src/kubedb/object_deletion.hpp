#pragma once
// How a database goes: its object with everything that belongs to it, then what does not go by
// itself, then a look whether anything is left. Inside kubedb only.

#include <boost/json/object.hpp>
#include <memory>
#include <string>
#include <vector>

#include "aio/task.hpp"
#include "domain/desired.hpp"
#include "domain/observed.hpp"
#include "kube/kube_client.hpp"
#include "kubedb/engine_table.hpp"
#include "kubedb/served_resources.hpp"

namespace kubedb {

// Deletes the object that was read as `present`, and nothing else of its name. KubeDB keeps the
// volumes and the secret of a halted database, and of one whose policy somebody has changed: the
// policy is ours first. Success also when it has gone meanwhile. Failures: the client's;
// precondition (another one has the name).
aio::task<> delete_object(kube::client& client, kube::resource what, const engine_kind& kind,
                          boost::json::object present);

// A request for a change, and which one of that name.
struct request_name {
    std::string name;
    std::string uid;
    auto operator<=>(const request_name&) const = default;
};
struct old_request {
    std::string engine;
    std::string project;
    request_name which;
};
// A database that is scaled every hour leaves thousands of finished requests, which nobody else
// deletes while it lives. One that cannot be deleted does not keep back the others; no more are
// tried when there is no server. Failures: the client's, the first.
aio::task<> delete_requests(kube::client& client, const served_resources& served,
                            std::vector<old_request> all);

// Deletes the requests for changes: those named, and those that carry the record's id. True: none
// is left, nor a pod or a volume of the database. It asks the server, because watches are late.
// `requests` is null where there is no such kind. Failures: the client's.
aio::task<bool> remove_leftovers(kube::client& client, const engine_kind& kind,
                                 domain::database record,
                                 std::shared_ptr<const kube::resource> requests,
                                 std::vector<request_name> names);

}  // namespace kubedb
