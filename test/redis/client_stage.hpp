#pragma once
// A running Redis client on the loop of a test. The destructor stops it.

#include <memory>
#include <stdexcept>
#include <string>

#include "obs/metrics.hpp"
#include "redis/redis_client.hpp"
#include "test/support/recording_log.hpp"
#include "test/support/run_until.hpp"

namespace fakes {

class client_stage {
  public:
    client_stage(aio::loop& loop, const std::string& url, redis::client_options options = {})
        : loop_(loop), group_(loop.executor()) {
        auto parsed = redis::parse_redis_url(url);
        if (!parsed) throw std::runtime_error(parsed.error().text);
        options.url = std::move(*parsed);
        auto created = redis::redis_client::make(
            {.executor = loop.executor(), .log = log_, .metrics = metrics_}, std::move(options));
        if (!created) throw std::runtime_error(created.error().text);
        client_ = std::move(*created);
        group_.spawn([this] { return client_->run(); });
    }
    ~client_stage() {
        (void)run_until_done<void>(loop_, [this]() -> aio::task<void> {
            group_.cancel();
            return group_.join();
        });
    }
    client_stage(const client_stage&) = delete;
    client_stage& operator=(const client_stage&) = delete;

    [[nodiscard]] redis::redis_client& client() noexcept { return *client_; }
    [[nodiscard]] recording_log& log() noexcept { return log_; }
    [[nodiscard]] redis::client_metrics& metrics() noexcept { return metrics_; }
    [[nodiscard]] obs::registry& registry() noexcept { return registry_; }
    bool wait_until_connected() {
        return run_until(loop_, [this] { return client_->is_connected(); });
    }
    base::outcome<redis::resp_value> run(
        redis::command_words words, std::string key = {},
        redis::repeatability safety = redis::repeatability::repeatable) {
        return run_until_done<redis::resp_value>(loop_, [&] {
            return client_->execute(
                {.words = std::move(words), .key = std::move(key), .safety = safety});
        });
    }

  private:
    aio::loop& loop_;
    recording_log log_;
    obs::registry registry_;
    redis::client_metrics metrics_{registry_};
    std::unique_ptr<redis::redis_client> client_;
    aio::task_group group_;
};

}  // namespace fakes
