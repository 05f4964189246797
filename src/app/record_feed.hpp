#pragma once
// Keeps the records in memory equal to the store while other processes write to it. Two mechanisms:
// anti-entropy compares (id, revision) pairs of every collection with memory and reads the records
// that differ, also at once after the bus was interrupted; the bus only shortens the wait. A lost,
// repeated or reordered message is harmless, because a message only names a record to read again.
// No clocks, no change streams. Lives on the control loop.

#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "aio/aio.hpp"
#include "app/record_repository.hpp"
#include "app/state_cache.hpp"
#include "obs/log.hpp"
#include "ports/bus.hpp"
#include "ports/document_store.hpp"

namespace app {

struct record_feed_options {
    std::chrono::milliseconds anti_entropy_interval{15'000};
    // While there is a bus, and it is not connected.
    std::chrono::milliseconds anti_entropy_interval_without_bus{2'000};
    std::chrono::milliseconds flush_interval{100};  // of writes to the bus
};

class record_feed {
  public:
    struct deps {
        aio::executor executor;
        ports::document_store& store;
        record_repository& records;
        state_cache& cache;
        ports::bus* bus = nullptr;  // nullptr: anti-entropy alone
        const base::clock& clock;
        obs::log& log;
    };
    record_feed(deps deps, record_feed_options options);

    // Runs the loops until cancelled. Errors: cancelled.
    aio::task<> run();

    // Compares every collection with memory once and reads the records that differ. Errors:
    // unavailable, corrupt, cancelled.
    aio::task<> compare();

  private:
    using record_key = std::pair<record_kind, std::string>;
    static constexpr std::size_t message_bytes_max = 32 * 1024;

    void on_message(const std::string& message);
    void subscribe();
    // Compares periodically, and immediately after messages may have been lost.
    aio::task<> compare_periodically();
    [[nodiscard]] std::map<std::string, ports::revision> known_revisions(record_kind kind) const;
    [[nodiscard]] bool is_known(const record_key& key, ports::revision revision) const;
    aio::task<> compare_collection(record_kind kind);
    aio::task<> publish_writes();
    aio::task<> read_announced();

    deps deps_;
    record_feed_options options_;
    std::map<record_key, ports::revision> written_;  // by this process, not published yet
    std::set<record_key> announced_;                 // by other processes, not read yet
    aio::notification has_written_;
    aio::notification has_announced_;
    aio::notification may_have_missed_;  // messages of the bus
    std::unique_ptr<ports::bus::subscription> subscription_;
    aio::task_group loops_;
};

}  // namespace app
