#pragma once
// Projects, databases and operations in the document store, with a copy in the state cache. Every
// write is checked against the revision that it replaces. A write whose response was lost is
// unconfirmed: the record is read again before the next write to it. Creates are rejected while the
// store is not connected or `unconfirmed_max` writes are unconfirmed. Lives on the control loop.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "aio/task.hpp"
#include "app/state_cache.hpp"
#include "app/write_queue.hpp"
#include "obs/log.hpp"
#include "ports/document_store.hpp"

namespace app {

// Returns the next record for the newest one. An equal record means that nothing is written. The
// function is called again if another process has written the record in the meantime.
using record_change = std::function<base::outcome<domain::database>(const domain::database&)>;
using project_change = std::function<base::outcome<domain::project>(const domain::project&)>;

// The collections of the document store that hold records.
enum class record_kind : std::uint8_t { database, project, operation };
const std::string& collection_of(record_kind kind) noexcept;
std::optional<record_kind> record_kind_of(std::string_view collection) noexcept;

// Called after each write of this process. Revision 0: the record was deleted.
using write_observer =
    std::function<void(record_kind kind, const std::string& id, ports::revision revision)>;

class record_repository {
  public:
    record_repository(ports::document_store& store, state_cache& cache, const base::clock& clock,
                      obs::log& log)
        : store_(store), cache_(cache), clock_(clock), log_(log) {}

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
    void on_write(write_observer observer) { observer_ = std::move(observer); }

    // Archives the operations, then deletes the record. May be repeated after any error. Errors:
    // precondition (the record has changed; decide again), unavailable, timed_out.
    aio::task<> forget(std::string id);

    // Stores a project. Revision 0 creates it. Errors: conflict ("already_exists"), precondition
    // (the project has changed; the state cache holds its newest state), unavailable (as create()),
    // timed_out.
    aio::task<std::shared_ptr<const domain::project>> put_project(domain::project record);
    // As update() for a project. Errors: not_found, those of `change`, unavailable, timed_out,
    // cancelled.
    aio::task<std::shared_ptr<const domain::project>> update_project(std::string name,
                                                                     project_change change);
    // Deletes a project. Errors: not_found, precondition, unavailable, timed_out.
    aio::task<> delete_project(std::string name);

    // Reads every record with an unconfirmed write again. Errors: unavailable, corrupt.
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
    // Each put() makes the record in memory equal to the given one and publishes it. A record that
    // this process has written is reported to the write observer as well.
    std::shared_ptr<const domain::database> put(domain::database record, record_origin origin);
    std::shared_ptr<const domain::project> put(domain::project record, record_origin origin);
    void put(domain::operation record, record_origin origin);
    // As put(), from a stored document. Errors: corrupt.
    base::outcome<void> put(record_kind kind, const ports::document& document,
                            record_origin origin);
    // Deletes the record in memory.
    void erase(record_kind kind, const std::string& id, record_origin origin);
    aio::task<> reload(std::string id);
    aio::task<std::shared_ptr<const domain::project>> write_project(domain::project record);
    aio::task<> adopt_database(std::string id);
    aio::task<> adopt_project(std::string name);
    aio::task<> adopt_operation(std::string id);
    aio::task<> reload_project(std::string name);
    [[nodiscard]] base::outcome<void> check_ready() const;

    ports::document_store& store_;
    state_cache& cache_;
    const base::clock& clock_;
    obs::log& log_;
    write_queue queue_;
    write_observer observer_ = [](record_kind, const std::string&, ports::revision) {};
    std::set<std::string> unconfirmed_creations_;  // ids
    std::set<std::string> unconfirmed_records_;    // ids of records in the state cache
    std::set<std::string> unconfirmed_projects_;   // names
};

}  // namespace app
