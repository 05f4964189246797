#pragma once
// Shares the newest metrics of each database with the other replicas, through the store: the owner
// of a database writes them, all others read them. A replica that has just started serves the
// stored metrics at once, with their age. Lives on the control loop.

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "aio/aio.hpp"
#include "app/metrics_json.hpp"
#include "app/ownership.hpp"
#include "app/state_cache.hpp"
#include "obs/log.hpp"
#include "ports/document_store.hpp"

namespace app {

struct metrics_feed_options {
    std::chrono::milliseconds write_interval{1000};
    std::chrono::milliseconds read_interval{5000};
    std::size_t bulk = 500;  // documents of one write
};

class metrics_feed {
  public:
    struct deps {
        ports::document_store& store;
        state_cache& cache;
        const ownership& owner;
        const base::clock& clock;
        obs::log& log;
    };
    metrics_feed(deps deps, metrics_feed_options options);

    // Writes the cached metrics of an owned database with the next flush().
    void publish(const std::string& id) { unwritten_.insert(id); }
    // Deletes the stored metrics of a deleted database with the next flush().
    void forget(const std::string& id);

    // Reads all stored metrics into the cache. Metrics that are newer in the cache stay. Errors:
    // unavailable.
    aio::task<> read();
    // Writes the metrics that publish() has named, in bulks. Metrics that cannot be written stay
    // for the next call.
    // Errors: unavailable.
    aio::task<> flush();
    // Runs both periodically until cancelled. Errors: cancelled.
    aio::task<> run();

  private:
    aio::task<> run_periodically(std::chrono::milliseconds period,
                                 aio::task<> (metrics_feed::*step)());
    // Reads what other replicas may have written.
    aio::task<> read_others();
    void take(const ports::document& document);
    void apply(database_state& database, const stored_metrics& metrics);
    aio::task<> write(std::vector<std::string> ids);
    // Learns the revision that another replica has written.
    aio::task<> read_revision(std::string id);
    aio::task<> remove_forgotten();

    deps deps_;
    metrics_feed_options options_;
    std::set<std::string> unwritten_;
    std::set<std::string> forgotten_;
    std::map<std::string, ports::revision> revisions_;  // of the stored documents
};

}  // namespace app
