#pragma once
// Writes objects to the API server, each only when it differs from what was written last: a
// reconciler says everything each time, the server hears the changes. One loop, one writer per
// database.

#include <boost/json/object.hpp>
#include <cstdint>
#include <map>
#include <string>

#include "devcluster/controller/kinds.hpp"

namespace controller {

namespace json = boost::json;

class object_writer {
  public:
    explicit object_writer(kube::client& client) : kube_(client) {}

    // Creates the object, or merges it into the present one. Failures: of the client.
    aio::task<> tell(kube::resource what, json::object content);
    // Merges the status in. `gist` is what makes it another one (times are not). Failures: of the
    // client; not_found has forgotten the object, so that the next words make it again.
    aio::task<> write_status(kube::resource what, std::string ns, std::string name,
                             std::string gist, json::object status);
    // Success also when it is not there.
    aio::task<> remove(kube::resource what, std::string ns, std::string name);
    // Everything that matches.
    aio::task<> remove_all(kube::resource what, std::string ns, std::string selector);
    // The next words are said whatever was said before: of one object, of all.
    void forget(const kube::resource& what, const std::string& name);
    void forget() {
        ++forgotten_;
        told_.clear();
    }

  private:
    kube::client& kube_;
    std::map<std::string, std::string> told_;
    std::uint64_t forgotten_ = 0;  // how often; what was said meanwhile is not remembered
};

}  // namespace controller
