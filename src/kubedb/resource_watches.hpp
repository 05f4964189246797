#pragma once
// Watches the resources that databases consist of: discovers which the cluster serves, runs one
// informer per resource, feeds the observed_store, and derives the sync state. Lives on the control
// loop; any thread may call state(). Inside kubedb only.

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "aio/aio.hpp"
#include "base/clock.hpp"
#include "kube/kube_client.hpp"
#include "kubedb/kubedb_cluster.hpp"
#include "kubedb/observed_store.hpp"
#include "kubedb/resource_watch.hpp"
#include "kubedb/served_resources.hpp"
#include "obs/log.hpp"
#include "obs/metrics.hpp"
#include "ports/cluster.hpp"

namespace kubedb {

class resource_watches {
  public:
    resource_watches(aio::executor executor, kube::client& client, const base::clock& clock,
                     obs::log& log, obs::registry& registry, const cluster_options& options);

    // Runs discovery and the watches until cancelled, and feeds `observer`.
    aio::task<void> run(ports::cluster_observer& observer);

    [[nodiscard]] const served_resources& served() const noexcept { return served_; }
    [[nodiscard]] observed_store& observed() noexcept { return store_; }
    [[nodiscard]] ports::sync_state state() const noexcept { return state_.load(); }

  private:
    aio::task<> watch_new_resources(aio::task_group& watches);
    aio::task<> flush_after_timeout();
    using watch_entry = std::shared_ptr<resource_watch>;
    aio::task<> verify_positions();
    // Returns false if one of the watches went back. Errors: cancelled.
    aio::task<bool> verify(std::vector<watch_entry> entries);
    std::vector<watch_entry> take_reconnected();
    // Returns the watch after `last`, and the one with the newest position. Updates `last`.
    [[nodiscard]] std::vector<watch_entry> next_to_verify(std::string& last) const;
    void watch_engine(const engine_dialect& dialect, aio::task_group& watches);
    void watch_common(aio::task_group& watches);
    void watch(std::string_view group, std::string_view plural, std::string labels,
               aio::task_group& watches, object_handlers handlers);
    void follow(resource_watch& entry, aio::task_group& watches);
    void refresh_state();
    void set_state(ports::sync_state next);

    aio::executor executor_;
    kube::client& kube_;
    const base::clock& clock_;
    obs::log& log_;
    obs::registry& registry_;
    cluster_options options_;
    observed_store store_;
    aio::notification kind_ended_;
    aio::notification reconnected_;  // a watch has its connection back
    ports::cluster_observer* observer_ = nullptr;
    served_resources served_;
    // Shared with verify_positions() during a call, because a discovery may replace the entry.
    std::map<std::string, watch_entry> watched_;
    std::atomic<ports::sync_state> state_{ports::sync_state::starting};
    bool is_discovered_ = false;
};

}  // namespace kubedb
