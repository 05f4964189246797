#pragma once
// An object that a database cannot do without and that is the platform's to make: a replicated
// Redis names a RedisSentinel, which KubeDB neither creates nor deletes with it. It carries the
// database's id and is touched only while it does. Which kinds: engine_table. Inside kubedb only.

#include "aio/task.hpp"
#include "domain/types.hpp"
#include "kube/kube_client.hpp"
#include "kubedb/engine_table.hpp"
#include "obs/log.hpp"

namespace kubedb {

// Makes it exist. Success when it is there and ours. Failures: conflict/"not_owned" (the name is
// somebody else's), conflict/"deleting" (it is still going away), those of kube::client.
aio::task<> ensure_companion(kube::client& client, kube::resource what, const engine_kind& kind,
                             domain::database record);
// Brings labels and pause to the record; makes it when it is missing. Failures: as above.
aio::task<> update_companion(kube::client& client, kube::resource what, const engine_kind& kind,
                             domain::database record);
// Brings the pause back to what the database has, whose own patch has failed with `why`: only where
// it was refused, which leaves the database as it was. Answers `why`; `log` is told of what failed
// here.
aio::task<> take_back_companion(kube::client& client, kube::resource what, const engine_kind& kind,
                                domain::database record, bool paused, base::failure why,
                                obs::log& log);
// True: looked, and there is none of ours. False: it is going; ask again.
aio::task<bool> remove_companion(kube::client& client, kube::resource what, const engine_kind& kind,
                                 domain::database record);

}  // namespace kubedb
