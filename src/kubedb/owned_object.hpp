#pragma once
// Creates and changes objects that carry the id of a database. Never touches an object of another
// owner that has the same name. Inside kubedb only.

#include <string>
#include <string_view>

#include "aio/task.hpp"
#include "base/failure.hpp"
#include "domain/desired.hpp"
#include "domain/observed.hpp"
#include "json/json.hpp"
#include "kube/kube_client.hpp"
#include "kubedb/engine_dialect.hpp"
#include "kubedb/observed_store.hpp"

namespace kubedb {

// Returns the uid of the object. Errors: conflict/"not_owned" (the object does not carry the id
// `owner`), conflict/"deleting" (the object is being deleted, regardless of its owner).
base::outcome<std::string> uid_if_owned(const json::object& present, std::string_view kind,
                                        std::string_view owner);

// Creates the object, or gets the object with the same id that an earlier attempt created. Returns
// its uid. Errors: as above, those of kube::client.
aio::task<std::string> create_or_get(kube::client& client, kube::resource resource,
                                     json::object content);

struct object_identity {
    std::string ns;
    std::string name;
    std::string uid;
};
// Applies a merge patch to the object with this uid; the server compares the uid. Errors:
// precondition (another object has the name), those of kube::client.
aio::task<> patch_by_uid(kube::client& client, kube::resource resource, object_identity identity,
                         json::object patch);

// Reads the object of the record. Errors: not_found, precondition (an object with another uid has
// the name), those of kube::client. The store has received the absence or the other object before
// not_found or precondition is returned.
aio::task<domain::observed_database> read_owned(kube::client& client, observed_store& observed,
                                                const engine_dialect& dialect,
                                                kube::resource resource, domain::database record);

}  // namespace kubedb
