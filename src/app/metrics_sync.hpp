#pragma once
// Scrapes every database once per interval. Each database has its own slot in the interval (a hash
// of its id), so that the load is flat, after a restart too. A database that was just created or
// has just started is scraped early. Databases whose exporters hang use a separate lane and do not
// delay other databases. Lives on the control loop.

#include <chrono>
#include <cstddef>
#include <queue>
#include <string>
#include <unordered_map>
#include <vector>

#include "aio/aio.hpp"
#include "app/app_metrics.hpp"
#include "app/history_store.hpp"
#include "app/metrics_feed.hpp"
#include "app/ownership.hpp"
#include "app/readiness.hpp"
#include "app/scrape_lanes.hpp"
#include "app/state_cache.hpp"
#include "obs/trace.hpp"
#include "ports/metrics_source.hpp"

namespace app {

struct metrics_sync_options {
    std::chrono::milliseconds interval = domain::metrics_interval_default;
    std::chrono::milliseconds timeout{10000};
    std::size_t concurrency = 64;  // places in the fast lane (scrape_lanes.hpp)
};

// Returns a database's slot in the interval, the same on every machine.
std::chrono::nanoseconds slot_of(std::string_view id, std::chrono::nanoseconds interval) noexcept;

class metrics_sync final : public database_observer {
  public:
    struct deps {
        aio::executor executor;
        state_cache& cache;
        ports::metrics_source& source;
        history_store& history;
        const base::clock& clock;
        obs::log& log;
        app::probe& probe;
        readiness& health;
        const ownership& owner;        // of the databases that this process scrapes
        metrics_feed* feed = nullptr;  // to the other replicas; nullptr: there are none
        obs::tracer& tracer = obs::null_tracer();
    };
    metrics_sync(deps deps, metrics_sync_options options);

    // Runs until cancelled. Returns when the scrapes in flight have ended.
    aio::task<> run();
    // Schedules the databases that this process owns now, and drops the others.
    void on_ownership();
    // Runs one turn of the loop: starts due scrapes. Returns the wait until the next turn.
    std::chrono::nanoseconds turn();

    void on_database(std::shared_ptr<const database_view> view, change delta) override;
    void on_database_deleted(std::shared_ptr<const database_view> last) override;

  private:
    using shared_sample = std::shared_ptr<const domain::metrics_sample>;
    struct target {
        base::steady_time due;
        bool in_work = false;
        bool is_slow = false;  // the last scrape timed out
        bool was_running = false;
        std::string failure_reason{};      // of the last scrape, empty if it succeeded
        std::chrono::nanoseconds retry{};  // wait after a failure, before the first sample
    };
    struct timer {
        base::steady_time when;
        std::string id;
        bool operator>(const timer& other) const noexcept { return when > other.when; }
    };
    using timers = std::priority_queue<timer, std::vector<timer>, std::greater<>>;
    void update_target(const database_view& view);
    // Returns the wait before the first scrape of a database.
    [[nodiscard]] std::chrono::nanoseconds first_delay(const database_state& database) const;
    void schedule(const std::string& id, target& scrape_target, base::steady_time due);
    void schedule_early(const std::string& id, target& scrape_target);
    [[nodiscard]] bool is_fresh(const database_view& view) const;
    // Returns the next time of the slot, or an earlier time.
    [[nodiscard]] base::steady_time next_due(const std::string& id, target& scrape_target,
                                             base::steady_time ended, bool try_soon) const;
    void start_due(timers& source, scrape_lanes::lane in, base::steady_time now);
    aio::task<shared_sample> scrape_in_span(ports::scrape_target target,
                                            base::steady_time deadline);
    aio::task<> scrape(std::string id, scrape_lanes::ticket place);
    aio::task<> take(std::string id,
                     base::outcome<std::shared_ptr<const domain::metrics_sample>> outcome);
    void log_failure(const database_state& database, const std::string& reason,
                     const std::string& message);
    [[nodiscard]] bool is_without_sample(const std::string& id) const;
    [[nodiscard]] static std::string reason_against(const database_state& database);

    deps deps_;
    metrics_sync_options options_;
    std::unordered_map<std::string, target> targets_;
    timers fast_;
    timers slow_;
    scrape_lanes lanes_;
    aio::notification wakeup_;
    aio::task_group scrapes_;
};

}  // namespace app
