#pragma once
// Writes the audit log into the store. The rows of concurrent requests are one document, a block,
// so that a write of the platform costs at most one more write of the store. The head of the chain
// is written once a second. After a failed write, whose effect is unknown, the trail
// begins a new chain. Lives on the control loop, except note(). The owner awaits run().

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>

#include "aio/aio.hpp"
#include "aio/semaphore.hpp"
#include "app/audit/audit_chain.hpp"
#include "app/audit/audit_log.hpp"
#include "base/clock.hpp"
#include "obs/log.hpp"
#include "obs/metrics.hpp"
#include "ports/document_store.hpp"

namespace app {

struct audit_options {
    std::chrono::hours retention{24 * 365};
    // Rows without a waiting request are written after this time, with those of the next write.
    std::chrono::milliseconds delay{100};
    std::chrono::milliseconds retry{1000};
    // The stored head of a chain is at most this much older than its last row.
    std::chrono::milliseconds head_interval{1000};
    // After this time without a second row, the outcome of an act is unknown.
    std::chrono::seconds open_max{600};
    bool store_is_shared = false;  // with other processes
    shared_sealer sealer{};        // signs the rows; null: they have no signatures
};

class audit_trail final : public audit_log {
  public:
    static constexpr std::size_t rows_max = 200;      // of a block
    static constexpr std::size_t queue_max = 10'000;  // of rows
    static constexpr std::size_t notes_max = 1'000;   // of queued rows about denied requests

    struct deps {
        aio::executor executor;
        ports::document_store& store;
        const base::clock& clock;
        obs::log& log;
        obs::registry& registry;
        obs::log& export_log = obs::null_log();  // also receives a line per row
    };
    audit_trail(deps deps, audit_options options);

    aio::task<audited> begin(audit_event event) override;
    void finish(audited act, audit_result result) override;
    void note(audit_event event) override;
    aio::task<audit_page> find(audit_query query) override;

    // Runs `act` of the platform itself between a row before it and a row after it, also without
    // run(). Errors: unavailable (the row before the act is not written, so the act does not
    // happen), those of `act`.
    aio::task<> run_audited(audit_event event, std::function<aio::task<>()> act);

    // Reads the heads of the chains. Before begin(). Errors: unavailable, corrupt.
    aio::task<> load();
    // Writes the rows until cancelled. Errors: cancelled.
    aio::task<> run();
    // Writes what is left. After run(). Errors: those of the store.
    aio::task<> close();
    // Writes the outcome `unknown` about acts that have no second row after `open_max`, or, at the
    // first call with a private store, after the end of the process before. Errors: unavailable.
    aio::task<> sweep();
    // Deletes the blocks whose rows are older than the retention, after a row that names them.
    aio::task<> purge();

  private:
    struct waiting_row {
        explicit waiting_row(const aio::executor& executor) : written(executor) {}
        aio::notification written;
        std::optional<base::outcome<void>> result;
    };
    struct queued_row {
        audit_event event;
        std::shared_ptr<waiting_row> waiter;  // null if no request waits
    };

    void enqueue(audit_event event);
    [[nodiscard]] bool has_waiter() const noexcept;
    void take_notes();
    aio::task<> write_block();
    // Writes blocks until the queue has no row with the id. Errors: those of write_block().
    aio::task<> write_row(std::string id);
    aio::task<> put_block(std::string body, std::int64_t first);
    aio::task<> write_head();  // with a turn
    aio::task<> lock_and_write_head();
    // Leaves the chain behind its last row that is certainly in the store.
    void begin_chain(const audit_head& confirmed);
    void log_row(const audit_event& event, const audit_head& place) const;
    base::instant next_time();

    deps deps_;
    audit_options options_;
    audit_heads heads_;  // of the other chains
    audit_chain chain_;
    ports::revision head_revision_ = 0;
    bool is_head_stale_ = false;  // the chain has rows after the stored head
    base::steady_time head_written_at_{};
    base::instant last_time_{};
    std::deque<queued_row> queue_;
    std::int64_t failed_blocks_ = 0;  // since the last written one
    aio::notification wake_;
    aio::semaphore turns_;  // of writers of the chain
    std::mutex mutex_;      // guards notes_
    std::vector<audit_event> notes_;
    std::string swept_until_;  // id of the last block that sweep() has read
    bool has_swept_ = false;
    std::map<std::string, audit_event> open_;  // started, without a second row; by id
    std::map<std::string, base::instant> open_since_;
    std::set<std::string> own_;  // acts of this process in progress
    obs::counter& rows_;
    obs::counter& failures_;
    obs::counter& dropped_;
};

// Calls `use` with each line of an export, the last one included. Errors: those of the store.
aio::task<> export_audit(ports::document_store& store,
                         std::function<void(const std::string& line)> use);

}  // namespace app
