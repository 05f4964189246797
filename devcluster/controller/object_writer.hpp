#pragma once
// Writes objects to the API server, each only if it differs from the last write. A reconciler
// passes all objects each time; the server receives the changes only. One writer per database, on
// one loop.

#include <cstdint>
#include <map>
#include <string>

#include "devcluster/controller/kinds.hpp"
#include "json/json.hpp"

namespace controller {

class object_writer {
  public:
    explicit object_writer(kube::client& client) : kube_(client) {}

    // Creates the object, or merges it into the present one. Errors: the client's.
    aio::task<> write(kube::resource resource, json::object content);
    // Merges the status into the object, unless `fingerprint` is unchanged since the last write.
    // The fingerprint excludes times. Errors: the client's. After not_found the next write()
    // creates the object again.
    aio::task<> write_status(kube::resource resource, std::string ns, std::string name,
                             std::string fingerprint, json::object status);
    // Succeeds also if the object does not exist.
    aio::task<> remove(kube::resource resource, std::string ns, std::string name);
    // Deletes all objects that match the label selector.
    aio::task<> remove_all(kube::resource resource, std::string ns, std::string selector);
    // Makes the next write unconditional: of one object, or of all objects.
    void forget(const kube::resource& resource, const std::string& name);
    void forget() {
        ++forgotten_;
        written_.clear();
    }

  private:
    kube::client& kube_;
    std::map<std::string, std::string> written_;
    std::uint64_t forgotten_ =
        0;  // counts calls of forget(); a write that overlaps one is not remembered
};

}  // namespace controller
