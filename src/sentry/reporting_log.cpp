#include "sentry/reporting_log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "base/random_id.hpp"
#include "http/gzip.hpp"

namespace sentry {
namespace {

constexpr std::size_t groups_max = 1000;

std::string_view level_name(obs::level severity) noexcept {
    switch (severity) {
        case obs::level::critical:
            return "fatal";
        case obs::level::error:
            return "error";
        case obs::level::warning:
            return "warning";
        case obs::level::info:
            return "info";
        default:
            return "debug";
    }
}

// Lines of every request: too many to keep.
bool is_frequent(std::string_view event) noexcept {
    return event == "request" || event == "metrics_returned_from_cache";
}

breadcrumb line_of(obs::level severity, std::string_view event,
                   std::initializer_list<obs::field> fields, base::instant now) {
    breadcrumb line{
        .time = now, .level = std::string(level_name(severity)), .event = std::string(event)};
    for (const auto& field : fields) {
        if (field.key().empty()) continue;
        auto value =
            std::visit([](const auto& known) { return fmt::format("{}", known); }, field.value());
        line.fields.emplace_back(std::string(field.key()), scrubbed(field.key(), std::move(value)));
    }
    return line;
}

std::string new_event_id() {
    std::string id;
    for (const char c : base::random_id("", 32)) {
        id += "0123456789abcdef"[static_cast<unsigned char>(c) % 16];
    }
    return id;
}

}  // namespace

reporting_log::reporting_log(obs::log_service& target, dsn server, report_options options,
                             const base::clock& clock)
    : target_(target), server_(std::move(server)), options_(std::move(options)), clock_(clock) {}

reporting_log::~reporting_log() = default;

void reporting_log::write(obs::level severity, std::string_view event,
                          std::initializer_list<obs::field> fields) {
    target_.write(severity, event, fields);
    if (is_frequent(event)) return;
    auto line = line_of(severity, event, fields, clock_.utc_now());
    const std::lock_guard lock(mutex_);
    if (severity >= obs::level::error) report_error(line);
    keep(std::move(line));
}

void reporting_log::keep(breadcrumb line) {
    lines_.push_back(std::move(line));
    if (lines_.size() > options_.breadcrumbs_max) lines_.pop_front();
}

void reporting_log::report_error(const breadcrumb& cause) {
    const auto now = clock_.now();
    if (seen_.size() >= groups_max) seen_.clear();
    auto [entry, is_new] = seen_.try_emplace(fingerprint_of(cause), occurrence{.reported_at = now});
    auto& known = entry->second;
    if (!is_new && now - known.reported_at < options_.repeat_period) {
        ++known.repeated;
        return;
    }
    known.reported_at = now;
    if (queue_.size() >= options_.queue_max) {
        ++lost_;
        return;
    }
    queue_.push_back({.id = new_event_id(),
                      .cause = cause,
                      .before = {lines_.begin(), lines_.end()},
                      .release = options_.release,
                      .environment = options_.environment,
                      .server_name = options_.server_name,
                      .repeated = std::exchange(known.repeated, 0)});
    if (wake_) aio::post(loop_, [wake = wake_] { wake->notify(); });
}

std::size_t reporting_log::queued() const {
    const std::lock_guard lock(mutex_);
    return queue_.size();
}

std::uint64_t reporting_log::lost() const {
    const std::lock_guard lock(mutex_);
    return lost_;
}

void reporting_log::use_server(dsn server) {
    server_ = std::move(server);
    is_server_new_ = true;
}

base::outcome<void> reporting_log::connect(const aio::executor& executor) {
    http::client_options options{.origin = server_.server, .connections_max = 1};
    if (server_.server.secure) options.tls = http::client_tls{};
    auto client = http::make_client(executor, std::move(options));
    if (!client) return base::pass(std::move(client));
    client_ = std::move(*client);
    limits_ = {};
    is_server_new_ = false;
    return base::ok();
}

aio::task<> reporting_log::run() {
    const auto executor = co_await aio::this_executor();
    auto connected = connect(executor);
    if (!connected) co_return base::pass(std::move(connected), "sentry-dsn");
    const auto wake = std::make_shared<aio::notification>(executor, clock_);
    {
        const std::lock_guard lock(mutex_);
        loop_ = executor;
        wake_ = wake;
    }
    aio::backoff backoff(options_.retry, 1);
    while (true) {
        const auto result = co_await send_all(executor);
        if (result) backoff.reset();
        const auto now = clock_.now();
        const auto pause =
            result ? std::chrono::nanoseconds(std::chrono::hours(1))
                   : std::max<std::chrono::nanoseconds>(backoff.next(), limits_.wait(now));
        // A report that was not sent waits for the pause, also if others follow.
        if (result) {
            const auto woken = co_await wake->wait_for(pause);
            if (!woken) break;
        } else {
            const auto slept = co_await aio::sleep_for(clock_, pause);
            if (!slept) break;
        }
    }
    const std::lock_guard lock(mutex_);
    wake_.reset();
    client_.reset();
    is_server_new_ = true;
    co_return base::fail(base::errc::cancelled, "the reports to Sentry were stopped");
}

// Sends until the queue is empty. Errors: unavailable (send again later).
aio::task<> reporting_log::send_all(aio::executor executor) {
    while (true) {
        if (is_server_new_) {
            auto connected = connect(executor);
            if (!connected) co_return connected;
        }
        report next;
        {
            const std::lock_guard lock(mutex_);
            if (queue_.empty()) co_return base::ok();
            next = queue_.front();
        }
        if (!limits_.allow(clock_.now())) {
            co_return base::fail(base::errc::unavailable, "the server limits the rate");
        }
        const auto is_sent = co_await send_one(next);
        if (!is_sent) co_return base::pass(is_sent);
        const std::lock_guard lock(mutex_);
        queue_.pop_front();
        if (!*is_sent) ++lost_;
    }
}

// Returns false if the server rejected the report, so that it must not be sent again.
aio::task<bool> reporting_log::send_one(const report& next) {
    const auto client = client_;  // use_server() may replace it while this waits
    http::request request{.verb = http::method::post,
                          .target = server_.server.path,
                          .body = http::gzip(encode(next, clock_.utc_now()))};
    request.headers.add("Content-Type", "application/x-sentry-envelope");
    request.headers.add("Content-Encoding", "gzip");
    request.headers.add("User-Agent", "dbaas/" + options_.release);
    request.headers.add("X-Sentry-Auth",
                        fmt::format("Sentry sentry_version=7, sentry_client=dbaas/{}, "
                                    "sentry_key={}",
                                    options_.release, server_.public_key));
    const auto deadline = std::chrono::steady_clock::now() + options_.send_timeout;
    const auto response = co_await client->send(std::move(request), {.deadline = deadline});
    if (!response) co_return base::pass(response);
    limits_.update(response->status, response->headers, clock_.now());
    if (response->status == 429 || response->status >= 500) {
        co_return base::fail(base::errc::unavailable,
                             fmt::format("the server responded with {}", response->status));
    }
    co_return response->status < 300;
}

}  // namespace sentry
