#pragma once
// Sends spans to a collector by OTLP/HTTP in JSON. Never blocks the caller: spans wait in a bounded
// queue, and run() sends them in batches. Spans that do not fit, or that the collector rejects, are
// counted. Thread: any; run() and flush() on one loop.

#include "obs/trace.hpp"
#include "otlp/batch_sender.hpp"
#include "otlp/span_json.hpp"

namespace otlp {

class span_exporter final : public obs::tracer {
  public:
    span_exporter(exporter_options options, sampler choice, const base::clock& clock,
                  obs::registry& registry, obs::log& log);

    [[nodiscard]] bool is_enabled() const noexcept override { return true; }
    [[nodiscard]] obs::trace_context start(
        const std::optional<obs::trace_context>& parent) noexcept override;
    void finish(obs::span ended) noexcept override { sender_.push(std::move(ended)); }

    // As those of batch_sender.
    aio::task<> run() { return sender_.run(); }
    aio::task<> flush() { return sender_.flush(); }
    [[nodiscard]] std::size_t queued() const { return sender_.queued(); }

  private:
    const sampler sampler_;
    batch_sender<obs::span> sender_;
};

}  // namespace otlp
