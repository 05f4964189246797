#pragma once
// An object that a database depends on and that the platform creates: a replicated Redis names a
// RedisSentinel, which KubeDB neither creates nor deletes with the database. The object carries the
// database's id and is changed only if it does. Its
// spec: engine_dialect.hpp. Inside kubedb only.

#include "aio/task.hpp"
#include "domain/desired.hpp"
#include "kube/kube_client.hpp"
#include "kubedb/engine_dialect.hpp"
#include "obs/log.hpp"

namespace kubedb {

// Ensures that the object exists. Errors: conflict/"not_owned" (another owner has the name),
// conflict/"deleting" (the object is still being deleted), those of kube::client.
aio::task<> ensure_dependent_object(kube::client& client, kube::resource resource,
                                    const engine_dialect& dialect, domain::database record);
// Applies the labels and the pause of the record. Creates a missing object. Errors: as above.
aio::task<> update_dependent_object(kube::client& client, kube::resource resource,
                                    const engine_dialect& dialect, domain::database record);
// Reverts the pause after the server rejected the patch of the database with `failure`. Does
// nothing if `failure` is retryable. Always returns `failure`; logs its own failure.
aio::task<> revert_dependent_object(kube::client& client, kube::resource resource,
                                    const engine_dialect& dialect, domain::database record,
                                    bool paused, base::failure failure, obs::log& log);
// Deletes the object. Returns true if no object of the database is left, false while the deletion
// is in progress.
aio::task<bool> remove_dependent_object(kube::client& client, kube::resource resource,
                                        const engine_dialect& dialect, domain::database record);

}  // namespace kubedb
