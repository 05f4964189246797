#pragma once
// Connects the informer of one resource to the observed_store and publishes its metrics. Lives on
// the control loop. Inside kubedb only.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.hpp"
#include "json/json_access.hpp"
#include "kube/informer.hpp"
#include "obs/log.hpp"
#include "obs/metrics.hpp"

namespace kubedb {

// The functions of the observed_store that receive the objects of one resource.
struct object_handlers {
    std::function<void(const kube::object_meta&, const json::object&)> put;
    std::function<void(const kube::object_meta&)> drop;
};

struct watch_probe {
    watch_probe(obs::registry& all, const std::string& kind)
        : objects(all.make_gauge("dbaas_watch_objects", "Objects of the resource in the cache.",
                                 {{"resource", kind}})),
          events(all.make_counter("dbaas_watch_events_total", "Watch events received.",
                                  {{"resource", kind}})),
          lists(all.make_counter("dbaas_watch_lists_total",
                                 "List pages read; constant in steady state.",
                                 {{"resource", kind}})),
          silence(all.make_gauge("dbaas_watch_last_event_age_seconds",
                                 "Seconds since the last list, event or bookmark.",
                                 {{"resource", kind}})) {}
    obs::gauge& objects;
    obs::counter& events;
    obs::counter& lists;
    obs::gauge& silence;
};

class resource_watch final : public kube::informer_listener {
  public:
    resource_watch(object_handlers handlers, std::function<void()> changed, obs::log& log,
                   kube::resource resource)
        : handlers_(std::move(handlers)),
          changed_(std::move(changed)),
          log_(log),
          resource_(std::move(resource)) {}

    void on_upsert(const kube::object_meta& meta, std::string_view text) override {
        const auto parsed = json::try_parse(text);
        if (parsed && parsed->is_object()) handlers_.put(meta, parsed->get_object());
    }
    void on_delete(const kube::object_meta& meta) override {
        if (handlers_.drop) handlers_.drop(meta);
    }
    void on_synced() override {
        is_synced_ = true;
        changed_();
    }
    void on_sync_state(bool connected, const std::string& reason) override {
        is_reconnected_ = is_reconnected_ || (connected && !is_connected_);
        is_connected_ = connected;
        if (!connected) log_.warning("watch_lost", {{"kind", resource_.kind}, {"detail", reason}});
        changed_();
    }
    // Marks the resource as not served. The known objects stay until the next discovery.
    void end() {
        has_ended_ = true;
        changed_();
    }
    void begin() { has_ended_ = false; }
    // Returns whether the connection was lost and restored since the last call of
    // clear_reconnected().
    [[nodiscard]] bool is_reconnected() const noexcept { return is_reconnected_; }
    void clear_reconnected() noexcept { is_reconnected_ = false; }
    [[nodiscard]] bool has_ended() const noexcept { return has_ended_; }
    // Updates the metrics of the watch. Called on the loop, once per count_period.
    void count(obs::registry& registry, base::steady_time now) {
        if (!probe_) probe_.emplace(registry, resource_.kind);
        const auto counters = informer->counters();
        probe_->objects.set(static_cast<double>(counters.objects));
        probe_->events.add(counters.events - std::exchange(events_, counters.events));
        probe_->lists.add(counters.lists - std::exchange(lists_, counters.lists));
        const std::chrono::duration<double> silence = now - counters.last_activity;
        probe_->silence.set(counters.last_activity == base::steady_time{} ? -1 : silence.count());
    }
    [[nodiscard]] const kube::resource& resource() const noexcept { return resource_; }
    [[nodiscard]] bool is_synced() const noexcept { return is_synced_; }
    [[nodiscard]] bool is_connected() const noexcept { return is_connected_ && !has_ended_; }

    std::unique_ptr<kube::informer> informer;

  private:
    object_handlers handlers_;
    std::function<void()> changed_;
    obs::log& log_;
    kube::resource resource_;
    std::optional<watch_probe> probe_;  // set by the first count()
    std::uint64_t events_ = 0;          // at the last count()
    std::uint64_t lists_ = 0;
    bool is_synced_ = false;
    bool is_connected_ = true;
    bool is_reconnected_ = false;
    bool has_ended_ = false;
};

}  // namespace kubedb
