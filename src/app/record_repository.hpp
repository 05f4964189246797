#pragma once
// Projects, databases and operations in the document store, with a copy in the state cache. Every
// write is checked against the revision that it replaces. A write whose response was lost is
// unconfirmed: the record is read again before the next write to it. Creates are rejected while the
// store is not connected or `unconfirmed_max` writes are unconfirmed. Lives on the control loop.

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "aio/task.hpp"
#include "app/replicated_collection.hpp"
#include "app/state_cache.hpp"
#include "app/write_queue.hpp"
#include "obs/log.hpp"
#include "obs/trace.hpp"
#include "ports/document_store.hpp"

namespace app {

// Returns the next record for the newest one. An equal record means that nothing is written. The
// function is called again if another process has written the record in the meantime.
using record_change = std::function<base::outcome<domain::database>(const domain::database&)>;
using project_check = std::function<base::outcome<void>(const domain::project&)>;
inline base::outcome<void> accept_project(const domain::project& /*record*/) {
    return base::ok();
}
using project_change = std::function<base::outcome<domain::project>(const domain::project&)>;

// The collections of the document store that hold records.
enum class record_kind : std::uint8_t { database, project, operation };
inline constexpr std::size_t record_kinds = 3;
const std::string& collection_of(record_kind kind) noexcept;

// An archived operation is written once.
inline constexpr ports::revision archived_revision = 1;

class record_repository {
  public:
    record_repository(ports::document_store& store, state_cache& cache, const base::clock& clock,
                      obs::log& log, obs::tracer& tracer = obs::null_tracer())
        : store_(store), cache_(cache), clock_(clock), log_(log), tracer_(tracer) {}

    // Fills the state cache. Errors: unavailable, corrupt (a stored document cannot be read).
    aio::task<> load();

    // Stores a new record. Errors: conflict ("already_exists"), unavailable (reason
    // "store_not_ready": nothing was written), timed_out.
    aio::task<std::shared_ptr<const domain::database>> create(domain::database record);
    // Applies `change` to the newest record and writes the result. Writers of one record are
    // admitted one after the other, in the order of their calls. Errors: not_found (the database
    // was deleted), those of `change`, unavailable, timed_out, cancelled.
    aio::task<std::shared_ptr<const domain::database>> update(std::string id, record_change change,
                                                              record_origin origin);
    // Reads one record from the store and makes memory equal to it: another process may have
    // created, written or deleted it. Waits for writes of this process to the record. Errors:
    // unavailable, corrupt, cancelled.
    aio::task<> adopt(record_kind kind, std::string id);
    // Calls `observer` after each write of this process to a record of the kind.
    void on_write(record_kind kind, replicated_collection::write_observer observer) {
        observers_[std::size_t(kind)] = std::move(observer);
    }

    // Calls `observer` after each write of this process that ends an operation.
    void on_operation_ended(std::function<void(const domain::operation&)> observer) {
        on_operation_ended_ = std::move(observer);
    }
    // Returns the id of the last write of the record in memory; empty if it is not known.
    [[nodiscard]] std::string write_id(record_kind kind, const std::string& id) const;

    // Archives the operations, then deletes the record. May be repeated after any error. Errors:
    // precondition (the record has changed; decide again), unavailable, timed_out.
    aio::task<> forget(std::string id);

    // Stores a project. Revision 0 creates it. Errors: conflict ("already_exists"), precondition
    // (the project has changed; the state cache holds its newest state), unavailable (as create()),
    // timed_out. The write is a span of `parent`, as those of the next two functions.
    aio::task<std::shared_ptr<const domain::project>> put_project(domain::project record,
                                                                  obs::trace_context parent = {});
    // As update() for a project. Errors: not_found, those of `change`, unavailable, timed_out,
    // cancelled.
    aio::task<std::shared_ptr<const domain::project>> update_project(
        std::string name, project_change change, obs::trace_context parent = {});
    // Deletes a project that passes `check`. Errors: not_found, those of `check`, precondition
    // (another process has changed it), unavailable, timed_out.
    aio::task<> delete_project(std::string name, project_check check = accept_project,
                               obs::trace_context parent = {});

    // Reads every record with an unconfirmed write again. Logs those that are unreadable. Errors:
    // unavailable.
    aio::task<> resolve_unconfirmed();
    [[nodiscard]] bool has_unconfirmed() const noexcept {
        return !unconfirmed_creations_.empty() || !unconfirmed_records_.empty() ||
               !unconfirmed_projects_.empty();
    }
    static constexpr std::size_t unconfirmed_max = 1000;
    // Deletes archived operations that ended before `when`.
    aio::task<> purge_operations(base::instant when);

  private:
    aio::task<> load_collection(record_kind kind);
    // Writes the record to the store, in a span of the operation that the write belongs to. `write`
    // is the id of the write.
    aio::task<ports::revision> store_database(const domain::database* before,
                                              const domain::database& after, record_origin origin,
                                              std::string write);
    // Reports a write of this process. Ignores changes of another origin.
    void announce(record_kind kind, const std::string& id, ports::revision revision,
                  record_origin origin) const;
    // Each put() makes the record in memory equal to the given one and publishes it. A record that
    // this process has written is reported to the write observer as well. `write` is the id of the
    // write.
    std::shared_ptr<const domain::database> put(domain::database record, record_origin origin,
                                                std::string write);
    std::shared_ptr<const domain::project> put(domain::project record, record_origin origin,
                                               std::string write);
    void put(domain::operation record, record_origin origin);
    // As put(), from a stored document. Errors: corrupt.
    base::outcome<void> put(record_kind kind, const ports::document& document,
                            record_origin origin);
    // Deletes the record in memory.
    void erase(record_kind kind, const std::string& id, record_origin origin);
    aio::task<> reload(std::string id);
    aio::task<std::shared_ptr<const domain::project>> write_project(domain::project record,
                                                                    obs::trace_context parent);
    // Awaits the call of the store in a span of `parent`.
    template <class T>
    aio::task<T> store_project(std::string_view operation, obs::trace_context parent,
                               aio::task<T> call);
    aio::task<> adopt_database(std::string id);
    aio::task<> adopt_project(std::string name);
    aio::task<> adopt_operation(std::string id);
    aio::task<> reload_project(std::string name);
    [[nodiscard]] base::outcome<void> check_ready() const;
    // Returns true unless the record in memory is known to differ from the document.
    [[nodiscard]] bool is_known(record_kind kind, ports::revision revision,
                                const ports::document& document) const;

    ports::document_store& store_;
    state_cache& cache_;
    const base::clock& clock_;
    obs::log& log_;
    obs::tracer& tracer_;
    write_queue queue_;
    std::array<replicated_collection::write_observer, record_kinds> observers_;  // by kind
    std::function<void(const domain::operation&)> on_operation_ended_;
    // The ids of the last writes of databases and projects, by kind and id.
    std::array<std::map<std::string, std::string>, record_kinds> write_ids_;
    std::set<std::string> unconfirmed_creations_;  // ids
    std::set<std::string> unconfirmed_records_;    // ids of records in the state cache
    std::set<std::string> unconfirmed_projects_;   // names
};

}  // namespace app
