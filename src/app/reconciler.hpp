#pragma once
// The loop that closes the difference between what is wanted and what is: for each database that
// changed on either side it asks domain::decide, writes the record, does the one action, writes its
// end, and asks again. One worker per database, failures come back with growing waits. Lives on the
// control loop.

#include <chrono>
#include <cstdint>
#include <string>

#include "aio/aio.hpp"
#include "aio/keyed_workers.hpp"
#include "app/app_metrics.hpp"
#include "app/readiness.hpp"
#include "app/record_repository.hpp"
#include "app/state_cache.hpp"
#include "ports/cluster.hpp"

namespace app {

struct reconcile_options {
    std::size_t workers = 32;
    std::chrono::seconds operation_timeout{900};
    // How long a created object may stay unseen by the watch before it counts as missing.
    std::chrono::seconds first_sight{30};
};

class reconciler final : public platform_listener {
  public:
    struct parts {
        aio::executor on;
        record_repository& records;
        state_cache& table;
        ports::cluster& cluster;
        const base::clock& clock;
        obs::log& log;
        app::probe& probe;
        readiness& health;
    };
    reconciler(parts with, reconcile_options how);

    // Somebody else has written the record: look at it again, even while it is worked on.
    void look_at(const std::string& id);
    // Until cancelled; ends when the workers have ended.
    aio::task<> run();

    void on_database(std::shared_ptr<const database_view> view, change what) override;
    void on_database_deleted(std::shared_ptr<const database_view> last) override;
    void on_operation(std::shared_ptr<const domain::operation>) override {}
    void on_operation_forgotten(const std::string&) override {}
    void on_project(std::shared_ptr<const domain::project>) override {}
    void on_project_deleted(const std::string&) override {}
    void on_catalogue(std::shared_ptr<const ports::catalogue>) override {}

  private:
    struct done_action {
        std::string created_uid;
        bool gone = false;
    };
    void report_progress();
    void log_failure(const std::string& id, const base::failure& error);
    aio::task<aio::requeue_after> reconcile(std::string id);
    aio::task<domain::decision> decide_and_write(std::string id);
    aio::task<done_action> act(domain::database record, domain::action what);
    aio::task<aio::requeue_after> note_failure(std::string id, domain::action tried,
                                               base::failure why);
    [[nodiscard]] domain::decide_context context_of(const entry& which) const;

    parts deps_;
    reconcile_options options_;
    aio::keyed_workers workers_;
};

}  // namespace app
