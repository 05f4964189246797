#pragma once
// Sends spans to a collector by OTLP/HTTP in JSON. Never blocks the caller: spans wait in a bounded
// queue, and run() sends them in batches. Spans that do not fit, or that the collector rejects, are
// counted. Thread: any; run() and flush() on one loop.

#include <chrono>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "aio/aio.hpp"
#include "base/secret.hpp"
#include "http/client.hpp"
#include "obs/log.hpp"
#include "obs/metrics.hpp"
#include "obs/trace.hpp"
#include "otlp/span_json.hpp"

namespace otlp {

struct exporter_options {
    http::url server;  // with the path of the spans: "/v1/traces"
    std::vector<std::pair<std::string, base::secret>> headers{};
    otlp::resource resource{};
    otlp::sampler sampler{};
    std::size_t queue_max = 8192;
    std::size_t batch_max = 512;  // a full batch is sent without a delay
    std::chrono::milliseconds batch_delay{1000};
    std::chrono::milliseconds send_timeout{10'000};
    // Timeout of each request of flush().
    std::chrono::milliseconds flush_timeout{2000};
    aio::backoff::options retry{.first = std::chrono::milliseconds(1000),
                                .max = std::chrono::milliseconds(30'000)};
};

class span_exporter final : public obs::tracer {
  public:
    span_exporter(exporter_options options, const base::clock& clock, obs::registry& registry,
                  obs::log& log);
    ~span_exporter() override;

    [[nodiscard]] bool is_enabled() const noexcept override { return true; }
    [[nodiscard]] obs::trace_context start(
        const std::optional<obs::trace_context>& parent) noexcept override;
    void finish(obs::span ended) noexcept override;

    // Sends batches until cancelled. Errors: cancelled, invalid (the system has no trust store).
    aio::task<> run();
    // Sends what waits, up to the first failure. After run() has ended. Errors: those of the
    // client, unavailable (the collector did not accept the spans).
    aio::task<> flush();
    [[nodiscard]] std::size_t queued() const;

  private:
    aio::task<> connect();
    // Sends batches until the queue is empty. Errors: as flush(); the batch stays.
    aio::task<> send_all(std::chrono::milliseconds timeout);
    aio::task<> send(const std::vector<obs::span>& batch, std::chrono::milliseconds timeout);
    std::vector<obs::span> take_batch();
    void count_accepted(std::size_t spans, std::string_view response_body);

    exporter_options options_;
    const base::clock& clock_;
    obs::log& log_;
    obs::counter& exported_;
    obs::counter& dropped_;
    mutable std::mutex mutex_;
    std::vector<obs::span> queue_;
    aio::executor loop_;  // of run(); guarded by mutex_
    std::shared_ptr<aio::notification> wake_;
    // Of the loop:
    std::unique_ptr<http::client> client_;
    std::vector<obs::span> batch_;  // until it is accepted or rejected
    base::steady_time retry_at_{};  // the past, until a collector names a time
};

}  // namespace otlp
