#pragma once
// Carries the newest metrics of each database between the replicas on the bus, in batches. The
// owner publishes them, all others receive them. A lost message is harmless: the next sample
// follows after an interval, and metrics_feed reads the stored ones. Lives on the control loop.

#include <chrono>
#include <functional>
#include <set>
#include <string>

#include "aio/aio.hpp"
#include "app/bus_channel.hpp"
#include "app/metrics_json.hpp"
#include "obs/log.hpp"

namespace app {

struct metrics_channel_options {
    std::string replica;                            // marks the own messages, which are skipped
    std::chrono::milliseconds flush_interval{100};  // collects a batch
    std::size_t message_bytes = std::size_t{32} * 1024;
};

class metrics_channel {
  public:
    struct deps {
        aio::executor executor;
        ports::bus& bus;
        const base::clock& clock;
        obs::log& log;
        app::probe& probe;
        // Returns the metrics of a database as JSON, or an empty text if it has none to publish.
        std::function<std::string(const std::string& id)> read;
        // Receives the metrics that another replica has published.
        std::function<void(const std::string& id, const stored_metrics& metrics)> take;
        // Called when messages may have been lost.
        std::function<void()> on_gap;
    };
    metrics_channel(deps deps, metrics_channel_options options);

    // Publishes the metrics of the database with the next batch.
    void publish(const std::string& id);
    [[nodiscard]] bool is_connected() const noexcept { return channel_.is_connected(); }
    // Receives and publishes until cancelled. Errors: cancelled.
    aio::task<> run();

  private:
    aio::task<> publish_batches();
    // Takes ids from unpublished_ until the message is full.
    std::string next_message();
    void receive(const std::string& message);

    deps deps_;
    metrics_channel_options options_;
    bus_channel channel_;
    std::set<std::string> unpublished_;
    aio::notification has_unpublished_;
};

}  // namespace app
