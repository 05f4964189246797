#include "otlp/span_exporter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <iterator>
#include <random>

namespace otlp {
namespace {

constexpr std::chrono::seconds retry_after_max{300};

// SplitMix64. Ids must differ; they need not be unpredictable. Each request needs bits, so this is
// part of the cost of a cached read.
std::uint64_t random_bits() noexcept {
    thread_local std::uint64_t state =
        (std::uint64_t{std::random_device{}()} << 32U) ^ std::random_device{}();
    state += 0x9E37'79B9'7F4A'7C15U;
    auto bits = state;
    bits = (bits ^ (bits >> 30U)) * 0xBF58'476D'1CE4'E5B9U;
    bits = (bits ^ (bits >> 27U)) * 0x94D0'49BB'1331'11EBU;
    return bits ^ (bits >> 31U);
}

template <std::size_t Size>
void fill(std::array<unsigned char, Size>& id) noexcept {
    static_assert(Size % sizeof(std::uint64_t) == 0);
    for (std::size_t i = 0; i < Size; i += sizeof(std::uint64_t)) {
        const auto bits = random_bits() | (i == 0 ? 1U : 0U);  // an id of zeros is invalid
        std::memcpy(id.data() + i, &bits, sizeof(bits));
    }
}

std::chrono::seconds retry_after(const http::headers& headers) {
    const auto text = headers.get("Retry-After");
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || value < 0) return {};
    return std::min<std::chrono::seconds>(std::chrono::seconds(value), retry_after_max);
}

}  // namespace

span_exporter::span_exporter(exporter_options options, const base::clock& clock,
                             obs::registry& registry, obs::log& log)
    : options_(std::move(options)),
      clock_(clock),
      log_(log),
      exported_(registry.make_counter("dbaas_spans_exported_total",
                                      "Spans that the collector has accepted.")),
      dropped_(registry.make_counter(
          "dbaas_spans_dropped_total",
          "Spans that were lost: the queue was full, or the collector rejected them.")) {
    registry.make_callback_gauge("dbaas_spans_queued", "Spans that wait for the collector.", {},
                                 [this] { return static_cast<double>(queued()); });
}

span_exporter::~span_exporter() = default;

obs::trace_context span_exporter::start(const std::optional<obs::trace_context>& parent) noexcept {
    obs::trace_context context;
    if (parent) {
        context.trace_id = parent->trace_id;
    } else {
        fill(context.trace_id);
    }
    context.is_sampled = options_.sampler.samples(parent, context.trace_id);
    if (context.is_sampled) fill(context.span_id);
    return context;
}

void span_exporter::finish(obs::span ended) noexcept {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= options_.queue_max) {
        dropped_.add();
        return;
    }
    queue_.push_back(std::move(ended));
    if (queue_.size() == options_.batch_max && wake_) {
        aio::post(loop_, [wake = wake_] { wake->notify(); });
    }
}

std::size_t span_exporter::queued() const {
    const std::lock_guard lock(mutex_);
    return queue_.size();
}

std::vector<obs::span> span_exporter::take_batch() {
    const std::lock_guard lock(mutex_);
    const auto count = std::min(queue_.size(), options_.batch_max);
    const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(count);
    std::vector<obs::span> batch(std::make_move_iterator(queue_.begin()),
                                 std::make_move_iterator(end));
    queue_.erase(queue_.begin(), end);
    return batch;
}

aio::task<> span_exporter::connect() {
    if (client_) co_return base::ok();
    http::client_options options{.origin = options_.server, .connections_max = 1};
    if (options_.server.secure) options.tls = http::client_tls{};
    auto created = http::make_client(co_await aio::this_executor(), std::move(options));
    if (!created) co_return base::pass(std::move(created), "OTEL_EXPORTER_OTLP_ENDPOINT");
    client_ = std::move(*created);
    co_return base::ok();
}

aio::task<> span_exporter::run() {
    auto connected = co_await connect();
    if (!connected) {
        log_.error("traces_not_exported", {{"detail", connected.error().text}});
        co_return connected;
    }
    const auto executor = co_await aio::this_executor();
    const auto wake = std::make_shared<aio::notification>(executor, clock_);
    {
        const std::lock_guard lock(mutex_);
        loop_ = executor;
        wake_ = wake;
    }
    aio::backoff backoff(options_.retry, 1);
    while (true) {
        const auto result = co_await send_all(options_.send_timeout);
        if (result) {
            backoff.reset();
            const auto woken = co_await wake->wait_for(options_.batch_delay);
            if (!woken) break;
            continue;
        }
        if (result.error().code == base::errc::cancelled) break;
        if (backoff.attempts() == 0) {
            log_.warning("traces_not_exported", {{"detail", result.error().text}});
        }
        // A full queue does not shorten the pause.
        const auto pause =
            std::max<std::chrono::nanoseconds>(backoff.next(), retry_at_ - clock_.now());
        const auto slept = co_await aio::sleep_for(clock_, pause);
        if (!slept) break;
    }
    const std::lock_guard lock(mutex_);
    wake_.reset();
    co_return base::fail(base::errc::cancelled, "the export of traces was stopped");
}

aio::task<> span_exporter::flush() {
    auto connected = co_await connect();
    if (connected) connected = co_await send_all(options_.flush_timeout);
    client_.reset();
    co_return connected;
}

aio::task<> span_exporter::send_all(std::chrono::milliseconds timeout) {
    while (true) {
        if (batch_.empty()) batch_ = take_batch();
        if (batch_.empty()) co_return base::ok();
        auto result = co_await send(batch_, timeout);
        if (!result) co_return result;
        batch_.clear();
    }
}

// Errors: those after which the same batch may be sent again.
aio::task<> span_exporter::send(const std::vector<obs::span>& batch,
                                std::chrono::milliseconds timeout) {
    http::request request{.verb = http::method::post,
                          .target = options_.server.path,
                          .body = encode(options_.resource, batch)};
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
    if (status < 300) {
        count_accepted(batch.size(), response->body.to_string());
    } else {
        dropped_.add(batch.size());
        log_.warning("traces_rejected", {{"status", status}, {"spans", batch.size()}});
    }
    co_return base::ok();
}

void span_exporter::count_accepted(std::size_t spans, std::string_view response_body) {
    const auto rejected = std::min<std::uint64_t>(rejected_spans(response_body), spans);
    exported_.add(spans - rejected);
    if (rejected == 0) return;
    dropped_.add(rejected);
    log_.warning("traces_rejected", {{"status", 200}, {"spans", rejected}});
}

}  // namespace otlp
