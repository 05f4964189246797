#pragma once
// How an object that carries our id is made and changed: never somebody else's of the same name.
// Inside kubedb only.

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "aio/task.hpp"
#include "base/failure.hpp"
#include "domain/types.hpp"
#include "kube/kube_client.hpp"
#include "kubedb/engine_table.hpp"

namespace kubedb {

// The uid of an object of ours. Failures: conflict/"not_owned" (it does not carry that id),
// conflict/"deleting" (it is going, whosever it is).
base::outcome<std::string> uid_if_owned(const boost::json::object& present, std::string_view kind,
                                        std::string_view owner);

// Creates the object, or finds the one that an earlier try has made: that which carries the same
// id. Answers its uid. Failures: as above, those of kube::client.
aio::task<std::string> create_or_get(kube::client& client, kube::resource what,
                                     boost::json::object content);

struct object_identity {
    std::string ns;
    std::string name;
    std::string uid;
};
// A merge patch of that object and no other of its name: the server compares. Failures:
// precondition (another one has the name), those of kube::client.
aio::task<> patch_by_uid(kube::client& client, kube::resource what, object_identity which,
                         boost::json::object patch);

// Reads the object of the record. Errors: not_found, precondition (an object with another uid has
// the name), those of kube::client.
aio::task<domain::observed_database> read_owned(kube::client& client, const engine_kind& kind,
                                                kube::resource what, domain::database record);

}  // namespace kubedb
