#pragma once
// One Redis server: keeps one connection to it and connects again with backoff. Shared by the
// client and by the node's run(). One loop.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "aio/aio.hpp"
#include "obs/log.hpp"
#include "redis/change_signal.hpp"
#include "redis/client_metrics.hpp"
#include "redis/redis_connection.hpp"

namespace redis {

struct node_options {
    connection_options connection;
    aio::backoff::options backoff{};
    std::chrono::milliseconds ping_interval{5000};  // of a silent connection
    std::uint64_t seed = 0;
    std::function<void()> on_change{};  // after the connection begins or ends
};

class redis_node {
  public:
    redis_node(aio::executor executor, node_options options, client_metrics& metrics,
               obs::log& log);

    // Keeps a connection until stop() or cancellation. Called once. Errors: cancelled.
    aio::task<> run();
    // Ends run() and the connection.
    void stop();

    // Returns the open connection, or waits for the attempt to connect that is in progress. Errors:
    // those of the last attempt; timed_out, cancelled.
    aio::task<std::shared_ptr<redis_connection>> connected(base::steady_time deadline);
    [[nodiscard]] bool is_connected() const noexcept {
        return connection_ != nullptr && connection_->is_open();
    }
    [[nodiscard]] base::steady_time last_used() const noexcept { return last_used_; }
    // The server rejects the client; a retry does not help: denied or invalid.
    [[nodiscard]] const std::optional<base::failure>& last_failure() const noexcept {
        return failure_;
    }

  private:
    aio::task<> connect_once();
    aio::task<> check_liveness(std::shared_ptr<redis_connection> connection);

    aio::executor executor_;
    node_options options_;
    client_metrics& metrics_;
    obs::log& log_;
    aio::backoff backoff_;
    std::shared_ptr<redis_connection> connection_;  // shared with the calls in progress
    std::optional<base::failure> failure_;          // of the last attempt
    bool is_connecting_ = true;
    bool is_stopping_ = false;
    bool is_failure_logged_ = false;
    base::steady_time last_used_;
    aio::notification wake_;
    change_signal changed_;
};

}  // namespace redis
