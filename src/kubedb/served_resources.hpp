#pragma once
// Holds the resources that the cluster serves according to the last discovery, and all that it has
// served since the start. This distinguishes a resource that is missing from one that was never
// installed. Lives on the control loop. Inside kubedb only.

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"
#include "kube/kube_client.hpp"
#include "kubedb/engine_dialect.hpp"

namespace kubedb {

using resource_pointer = std::shared_ptr<const kube::resource>;

class served_resources {
  public:
    void replace(std::vector<kube::resource> resources);
    // Returns whether discovery has succeeded once. Until then the absence of a resource proves
    // nothing.
    [[nodiscard]] bool is_discovered() const noexcept { return is_discovered_; }

    // Returns the resource; null if it is not served now.
    [[nodiscard]] resource_pointer find(std::string_view group, std::string_view plural) const;
    // Returns the resource; null if it was never served. Errors: unavailable (it was served and is
    // missing now: callers must not treat its databases as deleted).
    [[nodiscard]] base::outcome<resource_pointer> look_up(std::string_view group,
                                                          std::string_view plural) const;

    struct engine_resource {
        const engine_dialect* dialect;
        resource_pointer resource;  // never null
    };
    // Returns the resource of the engine's databases. Errors: unavailable,
    // unsupported/"engine_not_installed".
    [[nodiscard]] base::outcome<engine_resource> resource_of(const std::string& engine) const;
    // Returns the resource of the dependent object that a replicated database needs. Errors: as
    // above.
    [[nodiscard]] base::outcome<resource_pointer> dependent_resource_of(
        const engine_kind& kind) const;

  private:
    std::vector<resource_pointer> served_;
    bool is_discovered_ = false;
    std::set<std::string> ever_served_;  // "kubedb.com/redises"
};

// Returns the error of calls before the first discovery.
inline std::unexpected<base::failure> not_discovered() {
    return base::fail(base::errc::unavailable, "the cluster was not read yet",
                      "cluster_not_synced");
}

}  // namespace kubedb
