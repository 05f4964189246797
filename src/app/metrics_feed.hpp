#pragma once
// Shares the newest metrics of each database with the other replicas. The owner of a database
// publishes them on the bus and writes them into the store. The others receive them from the bus,
// and read the stored ones at their start, after an interruption of the bus, and periodically. A
// replica that has just started serves the stored metrics at once, with their age. Rows of history
// that the owner has not stored yet come from the bus too. Lives on the control loop.

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "aio/aio.hpp"
#include "app/history_store.hpp"
#include "app/metrics_channel.hpp"
#include "app/metrics_json.hpp"
#include "app/ownership.hpp"
#include "app/state_cache.hpp"
#include "obs/log.hpp"
#include "ports/document_store.hpp"

namespace app {

struct metrics_feed_options {
    std::chrono::milliseconds write_interval{1000};
    std::chrono::milliseconds read_interval{5000};
    std::chrono::milliseconds read_interval_with_bus{60'000};
    // A sample that arrives this long after the last one is newer, whatever its time is: the clock
    // of its owner may be behind that of the owner before. Longer than the interval of the scrapes,
    // so that a late message of the owner before does not replace a sample.
    std::chrono::milliseconds order_timeout{45'000};
    std::size_t bulk = 500;  // documents of one write
    std::string replica{};   // the sender of messages
};

class metrics_feed {
  public:
    struct deps {
        aio::executor executor;
        ports::document_store& store;
        state_cache& cache;
        history_store& history;
        const ownership& owner;
        ports::bus* bus = nullptr;  // nullptr: the store alone
        const base::clock& clock;
        obs::log& log;
        app::probe& probe;
    };
    metrics_feed(deps deps, metrics_feed_options options);

    // Sends the cached metrics of an owned database to the bus, and writes them with the next
    // flush().
    void publish(const std::string& id);
    // Deletes the stored metrics of a deleted database with the next flush().
    void forget(const std::string& id);

    // Reads all stored metrics into the cache. Metrics that are newer in the cache stay. Skips
    // documents that the store cannot decode, with a log line. Errors: unavailable.
    aio::task<> read();
    // Writes the metrics that publish() has named, in bulks. Metrics that cannot be written stay
    // for the next call.
    // Errors: unavailable.
    aio::task<> flush();
    // Runs both periodically and the channel of the bus until cancelled. Errors: cancelled.
    aio::task<> run();

  private:
    aio::task<> run_periodically(std::chrono::milliseconds period,
                                 aio::task<> (metrics_feed::*step)());
    // Reads the metrics that other replicas may have written and that the bus has not delivered.
    aio::task<> read_others();
    void take(const ports::document& document);
    // `is_latest`: no message with a newer sample may be under way.
    void apply(database_state& database, const stored_metrics& metrics, bool is_latest);
    // Takes metrics from the bus.
    // The clock of the owner may be ahead. Its samples must not hide those of the next owner.
    [[nodiscard]] stored_metrics without_future(stored_metrics metrics) const;
    void receive(const std::string& id, const stored_metrics& received);
    [[nodiscard]] std::string encode_owned(const std::string& id) const;
    aio::task<> write(std::vector<std::string> ids);
    // Reads the stored metrics of the cached databases in smaller pages, and around each document
    // that the store cannot decode. Errors: unavailable.
    aio::task<> read_around_damage();
    // Logs a damaged document once. The owner deletes it with the next flush(): a lost sample is
    // replaced by the next one.
    void note_unreadable(const std::string& id, const std::string& detail);
    // Learns the revision that another replica has written.
    aio::task<> read_revision(std::string id);
    aio::task<> remove_forgotten();

    deps deps_;
    metrics_feed_options options_;
    std::set<std::string> unwritten_;
    std::set<std::string> forgotten_;
    std::set<std::string> unreadable_;  // ids of documents that the store cannot decode
    std::map<std::string, ports::revision> revisions_;  // of the stored documents
    std::map<std::string, base::steady_time> adopted_;  // when a sample of another replica came
    std::optional<metrics_channel> channel_;            // nullopt without a bus
    bool may_have_missed_ = true;                       // messages since the last read
    base::steady_time last_read_ = base::steady_time::min();
};

}  // namespace app
