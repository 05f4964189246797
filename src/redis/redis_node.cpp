#include "redis/redis_node.hpp"

#include <utility>

#include "base/clock.hpp"
#include "redis/server_error.hpp"

namespace redis {

using base::errc;
using base::fail;

redis_node::redis_node(aio::executor executor, node_options options, client_metrics& metrics,
                       obs::log& log)
    : executor_(executor),
      options_(std::move(options)),
      metrics_(metrics),
      log_(log),
      backoff_(options_.backoff, options_.seed),
      last_used_(base::system_clock().now()),
      wake_(executor),
      changed_(std::move(executor)) {}

aio::task<> redis_node::run() {
    while (!is_stopping_) {
        is_connecting_ = true;
        const auto result = co_await connect_once();
        if (!result && result.error().code == errc::cancelled) break;
        is_connecting_ = false;
        changed_.notify_all();
        if (is_stopping_) break;
        const auto slept = co_await wake_.wait_for(backoff_.next());
        if (!slept) break;
    }
    is_stopping_ = true;
    changed_.notify_all();
    co_return fail(errc::cancelled, "the node was stopped");
}

// Returns when the connection has ended. Errors: cancelled.
aio::task<> redis_node::connect_once() {
    const auto server = to_text(options_.connection.server);
    auto opened = co_await redis_connection::open(options_.connection);
    if (!opened) {
        if (opened.error().code == errc::cancelled) co_return base::pass(std::move(opened));
        failure_ = opened.error();
        metrics_.connect_failures.add();
        if (!std::exchange(is_failure_logged_, true)) {
            log_.warning("redis_connect_failed", {{"server", server},
                                                  {"code", base::name(failure_->code)},
                                                  {"detail", failure_->text}});
        }
        co_return base::ok();
    }
    if (is_stopping_) co_return base::ok();
    connection_ = *opened;
    failure_.reset();
    is_failure_logged_ = false;
    is_connecting_ = false;
    backoff_.reset();
    metrics_.connects.add();
    metrics_.connections.add(1);
    const auto& facts = connection_->facts();
    log_.info("redis_connected", {{"server", server},
                                  {"kind", name(facts.kind)},
                                  {"protocol", facts.protocol},
                                  {"replica", facts.is_replica}});
    changed_.notify_all();
    if (options_.on_change) options_.on_change();

    aio::task_group checks(executor_);
    checks.spawn(check_liveness(connection_));
    const auto ended = co_await connection_->run();
    checks.cancel();
    co_await checks.join();
    connection_.reset();
    metrics_.disconnects.add();
    metrics_.connections.add(-1);
    const bool is_wanted = ended.error().code == errc::cancelled || is_stopping_;
    if (!is_wanted) {
        log_.warning("redis_disconnected", {{"server", server}, {"detail", ended.error().text}});
    }
    if (options_.on_change) options_.on_change();
    if (ended.error().code == errc::cancelled) co_return ended;
    co_return base::ok();
}

// A call that gets no byte until its deadline closes the connection.
aio::task<> redis_node::check_liveness(std::shared_ptr<redis_connection> connection) {
    while (true) {
        const auto slept = co_await aio::sleep_for(options_.ping_interval);
        if (!slept) co_return slept;
        const auto time = base::system_clock().now();
        if (time - connection->last_received() < options_.ping_interval) continue;
        redis_connection::call_state state;
        const auto response = co_await connection->call(
            {"PING"}, false, time + options_.connection.connect_timeout, state);
        if (!response && response.error().code == errc::cancelled) co_return base::pass(response);
    }
}

void redis_node::stop() {
    is_stopping_ = true;
    if (connection_) connection_->close({errc::unavailable, "the server is no longer in use"});
    wake_.notify();
    changed_.notify_all();
}

aio::task<std::shared_ptr<redis_connection>> redis_node::connected(base::steady_time deadline) {
    last_used_ = base::system_clock().now();
    while (true) {
        if (is_connected()) co_return connection_;
        if (is_stopping_) co_return fail(errc::unavailable, "the Redis client is stopping");
        if (!is_connecting_) {
            if (failure_) co_return std::unexpected(*failure_);
            co_return fail(errc::unavailable,
                           "redis " + to_text(options_.connection.server) + ": not connected");
        }
        const auto woken = co_await changed_.wait_until(deadline);
        if (!woken) co_return base::pass(woken);
        if (!*woken) {
            co_return fail(errc::timed_out, "redis " + to_text(options_.connection.server) +
                                                ": not connected before the deadline");
        }
    }
}

}  // namespace redis
