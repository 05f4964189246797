#include "otlp/collector_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace otlp {
namespace {

constexpr std::chrono::seconds retry_after_max{300};

std::chrono::seconds retry_after(const http::headers& headers) {
    const auto text = headers.get("Retry-After");
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || value < 0) return {};
    return std::min<std::chrono::seconds>(std::chrono::seconds(value), retry_after_max);
}

// OTLP/HTTP, "Retryable Response Codes".
constexpr bool is_retryable(unsigned status) noexcept {
    return status == 429 || status == 502 || status == 503 || status == 504;
}

}  // namespace

collector_client::collector_client(const exporter_options& options, const base::clock& clock)
    : options_(options), clock_(clock) {}

collector_client::~collector_client() = default;

aio::task<> collector_client::connect() {
    if (client_) co_return base::ok();
    http::client_options options{.origin = options_.server, .connections_max = 1};
    if (options_.server.secure) options.tls = http::client_tls{};
    auto created = http::make_client(co_await aio::this_executor(), std::move(options));
    if (!created) co_return base::pass(std::move(created), "OTEL_EXPORTER_OTLP_ENDPOINT");
    client_ = std::move(*created);
    co_return base::ok();
}

void collector_client::close() {
    client_.reset();
}

aio::task<collector_client::reply> collector_client::send(std::string body,
                                                          std::chrono::milliseconds timeout) {
    http::request request{
        .verb = http::method::post, .target = options_.server.path, .body = std::move(body)};
    request.headers.add("Content-Type", "application/json");
    request.headers.add("User-Agent", "dbaas/" + options_.resource.service_version);
    for (const auto& [name, value] : options_.headers) {
        request.headers.set(name, std::string(value.reveal()));
    }
    const auto response = co_await client_->send(
        std::move(request), {.deadline = std::chrono::steady_clock::now() + timeout});
    if (!response) co_return base::pass(response);
    const auto status = response->status;
    if (is_retryable(status)) {
        retry_at_ = clock_.now() + retry_after(response->headers);
        co_return base::fail(base::errc::unavailable,
                             fmt::format("the collector responded with {}", status));
    }
    co_return reply{.status = status, .body = response->body.to_string()};
}

}  // namespace otlp
