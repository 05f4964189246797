#pragma once
// A log that passes every line on, and reports errors to Sentry. Keeps the latest lines as
// breadcrumbs. Never blocks the caller: reports wait in a bounded queue, and run() sends them.
// Equal errors are reported once per `repeat_period`. The log is created before the control loop,
// so run() takes its executor. Thread: any; run() on its loop.

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "aio/aio.hpp"
#include "http/client.hpp"
#include "obs/log.hpp"
#include "sentry/envelope.hpp"

namespace sentry {

struct report_options {
    std::string release{};
    std::string environment{};
    std::string server_name{};
    std::size_t breadcrumbs_max = 30;
    std::size_t queue_max = 30;
    std::chrono::seconds repeat_period{60};
    std::chrono::milliseconds send_timeout{5000};
    aio::backoff::options retry{.first = std::chrono::milliseconds(1000),
                                .max = std::chrono::milliseconds(60'000)};
};

class reporting_log final : public obs::log_service {
  public:
    // `target` receives every line and outlives this object.
    reporting_log(obs::log_service& target, dsn server, report_options options,
                  const base::clock& clock);
    ~reporting_log() override;

    void write(obs::level severity, std::string_view event,
               std::initializer_list<obs::field> fields) override;
    [[nodiscard]] bool is_enabled(obs::level severity) const noexcept override {
        return target_.is_enabled(severity);
    }
    void flush() override { target_.flush(); }
    void set_level_min(obs::level minimum) noexcept override { target_.set_level_min(minimum); }
    [[nodiscard]] std::uint64_t dropped() const noexcept override { return target_.dropped(); }

    // Sends the reports until cancelled. Errors: cancelled, invalid (the system has no trust
    // store).
    aio::task<> run();
    // Sends to another server from the next report on. Thread: that of run().
    void use_server(dsn server);
    [[nodiscard]] std::size_t queued() const;
    [[nodiscard]] std::uint64_t lost() const;  // queue full, or rejected by the server

  private:
    void keep(breadcrumb line);
    void report_error(const breadcrumb& cause);
    base::outcome<void> connect(const aio::executor& executor);
    aio::task<> send_all(aio::executor executor);
    aio::task<bool> send_one(const report& next);

    obs::log_service& target_;
    dsn server_;
    bool is_server_new_ = true;  // run() has no client for it yet
    report_options options_;
    const base::clock& clock_;
    mutable std::mutex mutex_;
    std::deque<breadcrumb> lines_;
    std::deque<report> queue_;
    struct occurrence {
        base::steady_time reported_at;
        std::size_t repeated = 0;
    };
    std::map<std::vector<std::string>, occurrence> seen_;
    std::uint64_t lost_ = 0;
    aio::executor loop_;  // of run(); guarded by mutex_
    std::shared_ptr<aio::notification> wake_;
    rate_limits limits_;
    std::shared_ptr<http::client> client_;  // of run()
};

}  // namespace sentry
