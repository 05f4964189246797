#pragma once
// The loop that moves the observed state to the desired state. For each changed database it calls
// domain::decide, writes the record, runs the one action, writes the result, and calls again. Each
// database has at most one worker. Failures are retried with growing waits. Lives on the control
// loop.

#include <chrono>
#include <cstdint>
#include <string>

#include "aio/aio.hpp"
#include "aio/keyed_workers.hpp"
#include "app/app_metrics.hpp"
#include "app/operation_ages.hpp"
#include "app/ownership.hpp"
#include "app/readiness.hpp"
#include "app/record_repository.hpp"
#include "app/state_cache.hpp"
#include "obs/trace.hpp"
#include "ports/cluster.hpp"

namespace app {

struct reconcile_options {
    std::size_t workers = 32;
    std::chrono::seconds operation_timeout{900};
    // Time until a created object that the watch has not reported counts as missing.
    std::chrono::seconds first_observation{30};
};

class reconciler final : public database_observer {
  public:
    struct deps {
        aio::executor executor;
        record_repository& records;
        state_cache& cache;
        ports::cluster& cluster;
        const base::clock& clock;
        obs::log& log;
        app::probe& probe;
        readiness& health;
        const ownership& owner;  // of the databases that this process reconciles
        obs::tracer& tracer = obs::null_tracer();
    };
    reconciler(deps deps, reconcile_options options);

    // Reconciles a database soon, again if a worker has it now.
    void enqueue(const std::string& id);
    // Runs until cancelled. Returns when the workers have ended.
    aio::task<> run();

    void on_database(std::shared_ptr<const database_view> view, change delta) override;
    void on_database_deleted(std::shared_ptr<const database_view> last) override;

  private:
    struct done_action {
        std::string created_uid;
        bool is_absent = false;
    };
    void report_progress();
    void log_failure(const std::string& id, const base::failure& error);
    aio::task<aio::requeue_after> reconcile(std::string id);
    aio::task<domain::decision> decide_and_write(std::string id);
    // Runs the action in a span of its operation.
    aio::task<done_action> act_in_span(domain::database record, domain::action action);
    aio::task<done_action> act(domain::database record, domain::action action);
    aio::task<aio::requeue_after> note_failure(std::string id, domain::action tried,
                                               base::failure failure);
    // `record` is the version to decide about.
    [[nodiscard]] domain::decide_context context_of(const database_state& database,
                                                    const domain::database& record) const;

    deps deps_;
    reconcile_options options_;
    operation_ages ages_;
    aio::keyed_workers workers_;
};

}  // namespace app
