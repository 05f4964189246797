#pragma once
// A log whose lines a collector receives by OTLP/HTTP in JSON. Never blocks the caller: lines wait
// in a bounded queue, and run() sends them in batches. Lines that do not fit, or that the collector
// rejects, are counted. Thread: any; run() and flush() on one loop.

#include "otlp/batch_sender.hpp"
#include "otlp/log_json.hpp"

namespace otlp {

class log_exporter final : public obs::log {
  public:
    log_exporter(exporter_options options, const base::clock& clock, obs::registry& registry,
                 obs::log& log);

    void write(obs::level severity, std::string_view event,
               std::initializer_list<obs::field> fields) override;
    [[nodiscard]] bool is_enabled(obs::level) const noexcept override { return true; }

    // As those of batch_sender.
    aio::task<> run() { return sender_.run(); }
    aio::task<> flush() { return sender_.flush(); }
    [[nodiscard]] std::size_t queued() const { return sender_.queued(); }

  private:
    const base::clock& clock_;
    batch_sender<log_record> sender_;
};

}  // namespace otlp
