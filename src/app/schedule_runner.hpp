#pragma once
// Pauses and resumes databases at the edges of their schedules. A set of the next edges, ordered by
// time, drives one timer, whatever the number of databases. The owner of a database applies its
// edges: the pause and the handled edge are one revision-checked write between two rows of the
// audit log. An edge that must wait for another operation is looked at again with each new revision
// of the record. Failures are retried with growing waits. Lives on the control loop.

#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "aio/aio.hpp"
#include "aio/keyed_workers.hpp"
#include "app/app_metrics.hpp"
#include "app/audit/audit_log.hpp"
#include "app/ownership.hpp"
#include "app/record_repository.hpp"
#include "app/state_cache.hpp"
#include "domain/scheduled_pause.hpp"

namespace app {

class schedule_runner final : public database_observer {
  public:
    struct deps {
        aio::executor executor;
        record_repository& records;
        state_cache& cache;
        audit_log& audit;
        const base::clock& clock;
        obs::log& log;
        app::probe& probe;
        const ownership& owner;
    };
    explicit schedule_runner(deps deps);

    // Looks at a database soon, because this replica has become its owner.
    void enqueue(const std::string& id);
    // Runs until cancelled. Returns when the workers have ended. Errors: cancelled (always).
    aio::task<> run();

    void on_database(std::shared_ptr<const database_view> view, change delta) override;
    void on_database_deleted(std::shared_ptr<const database_view> last) override;

    // Returns the number of databases with a schedule.
    [[nodiscard]] std::size_t size() const noexcept { return planned_.size(); }

  private:
    struct written_edge {
        std::optional<domain::schedule_edge> edge;  // nullopt: nothing was to be done
        domain::edge_outcome outcome = domain::edge_outcome::unchanged;
        std::string operation_id;
        std::string reason;
    };
    void plan(const std::string& id, base::instant when);
    void forget(const std::string& id);
    // Gives the databases whose edge has come to the workers.
    void take_due();
    // Applies the due edge of the database, if there is one and this replica owns the database.
    aio::task<aio::requeue_after> apply(std::string id);
    // Writes the newest due edge. An operation begins only if `may_begin`.
    aio::task<written_edge> write(std::string id, bool may_begin);
    // As write(), between two rows of the audit log. Errors: unavailable (no row, so no write),
    // those of write().
    aio::task<written_edge> write_audited(std::shared_ptr<const domain::database> record,
                                          domain::schedule_action action);
    void report(const domain::database& record, const written_edge& written);

    deps deps_;
    std::set<std::pair<base::instant, std::string>> due_;
    std::unordered_map<std::string, base::instant> planned_;  // the place of an id in due_
    aio::notification wake_;
    aio::keyed_workers workers_;
};

}  // namespace app
