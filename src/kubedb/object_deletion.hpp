#pragma once
// Deletes a database: its object first, then the objects that KubeDB does not delete with it. Then
// checks whether anything is left. Inside kubedb only.

#include <memory>
#include <string>
#include <vector>

#include "aio/task.hpp"
#include "domain/desired.hpp"
#include "domain/observed.hpp"
#include "json/json.hpp"
#include "kube/kube_client.hpp"
#include "kubedb/engine_kind.hpp"
#include "kubedb/served_resources.hpp"

namespace kubedb {

// Deletes the object that was read as `present`, and no other object of that name. Sets the
// deletion policy WipeOut first: KubeDB keeps the volumes and the secret of a halted database, and
// of one whose policy another client changed. Succeeds also if the object does not exist any more.
// Errors: precondition (another object has the name), those of kube::client.
aio::task<> delete_object(kube::client& client, kube::resource resource, const engine_kind& kind,
                          json::object present);

// Identifies an OpsRequest. The uid distinguishes successive objects of the same name.
struct request_name {
    std::string name;
    std::string uid;
    auto operator<=>(const request_name&) const = default;
};
struct old_request {
    std::string engine;
    std::string project;
    request_name request;
};
// Deletes finished OpsRequests. While a database exists, no other client deletes them, and hourly
// scaling leaves thousands. Continues after a failed deletion, but stops if the server is
// unavailable. Errors: the first of kube::client.
aio::task<> delete_requests(kube::client& client, const served_resources& served,
                            std::vector<old_request> all);

// Deletes the OpsRequests in `names` and those that carry the record's id. Returns true if no
// OpsRequest, pod or volume of the database is left. Reads them from the server, because watches
// may be stale. `requests` is null if the cluster does not serve the resource. Errors: those of
// kube::client.
aio::task<bool> remove_leftovers(kube::client& client, const engine_kind& kind,
                                 domain::database record,
                                 std::shared_ptr<const kube::resource> requests,
                                 std::vector<request_name> names);

}  // namespace kubedb
