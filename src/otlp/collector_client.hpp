#pragma once
// The connection to a collector: one POST of OTLP/HTTP in JSON at a time. Lives on one loop.

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aio/aio.hpp"
#include "base/secret.hpp"
#include "http/client.hpp"
#include "otlp/attributes.hpp"

namespace otlp {

struct exporter_options {
    http::url server;  // with the path of the signal, such as "/v1/traces"
    std::vector<std::pair<std::string, base::secret>> headers{};
    otlp::resource resource{};
    std::size_t queue_max = 8192;
    std::size_t batch_max = 512;  // a full batch is sent without a delay
    std::chrono::milliseconds batch_delay{1000};
    std::chrono::milliseconds send_timeout{10'000};
    // Timeout of each request of flush().
    std::chrono::milliseconds flush_timeout{2000};
    aio::backoff::options retry{.first = std::chrono::milliseconds(1000),
                                .max = std::chrono::milliseconds(30'000)};
};

class collector_client {
  public:
    // `options` outlives the client.
    collector_client(const exporter_options& options, const base::clock& clock);
    ~collector_client();

    // Errors: invalid (the system has no trust store).
    aio::task<> connect();
    void close();

    struct reply {
        unsigned status = 0;  // not one that asks to send again
        std::string body;
    };
    // Errors, after which the same body may be sent again: those of the client, unavailable (the
    // collector asks for a pause: retry_at()).
    aio::task<reply> send(std::string body, std::chrono::milliseconds timeout);
    // Returns the end of the pause; the past, until a collector names a time.
    [[nodiscard]] base::steady_time retry_at() const noexcept { return retry_at_; }

  private:
    const exporter_options& options_;
    const base::clock& clock_;
    std::unique_ptr<http::client> client_;
    base::steady_time retry_at_{};
};

}  // namespace otlp
