#pragma once
// The connection of the platform to Redis: the client with the bus of the records. Built before the
// service and destroyed after it. Thread: the constructor any, run() the control loop.

#include <memory>

#include "aio/aio.hpp"
#include "config/config.hpp"
#include "obs/log.hpp"
#include "obs/metrics.hpp"
#include "ports/bus.hpp"
#include "ports/rate_limiter.hpp"
#include "redis/client_metrics.hpp"
#include "redis/redis_client.hpp"

class redis_access {
  public:
    // Does not connect yet. Errors: invalid (redis-url, a PEM file).
    static base::outcome<std::unique_ptr<redis_access>> make(const config::options& options,
                                                             aio::executor executor, obs::log& log,
                                                             obs::registry& registry);
    explicit redis_access(obs::registry& registry) : metrics_(registry) {}

    // Connects with another URL and the present PEM files, and puts them into use if the servers
    // accept them within 5 s. After an error the previous URL stays in use. Errors: invalid,
    // denied, unavailable, timed_out.
    aio::task<> change_url(config::options options);

    // Keeps the connections until cancelled. Errors: cancelled.
    aio::task<> run() { return client_->run(); }
    [[nodiscard]] ports::bus& bus() noexcept { return *bus_; }
    [[nodiscard]] ports::rate_limiter& limits() noexcept { return *limits_; }
    [[nodiscard]] redis::redis_client& client() noexcept { return *client_; }

  private:
    redis::client_metrics metrics_;
    std::unique_ptr<redis::redis_client> client_;
    std::unique_ptr<ports::bus> bus_;
    std::unique_ptr<ports::rate_limiter> limits_;
};
