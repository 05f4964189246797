#include "devcluster/apiserver/request_handler.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace apiserver {
namespace {

using namespace std::chrono_literals;

http::outgoing_response plain_answer(http::response response) {
    return {.response = std::move(response)};
}

// Compares in constant time for equal sizes.
bool same_secret(std::string_view a, std::string_view b) {
    unsigned difference = a.size() == b.size() ? 0U : 1U;
    for (std::size_t index = 0; index < std::min(a.size(), b.size()); ++index) {
        difference |= static_cast<unsigned char>(a[index]) ^ static_cast<unsigned char>(b[index]);
    }
    return difference == 0;
}

}  // namespace

struct request_handler::watcher {
    watcher(std::string key, const aio::executor& executor)
        : type_key(std::move(key)), news(executor) {}
    std::string type_key;
    aio::notification news;
};

request_handler::request_handler(aio::executor executor, deps deps)
    : executor_(std::move(executor)),
      objects_(deps.objects),
      core_(deps.content),
      token_(std::move(deps.token)),
      backends_(executor_) {
    if (deps.simulator) simulator_ = deps.simulator(executor_, core_, objects_);
    objects_.on_change([this](const change_event& event) {
        if (simulator_) simulator_->on_change(event);
        for (auto* each : watchers_) {
            if (each->type_key == event.type_key) each->news.notify();
        }
    });
}

request_handler::~request_handler() {
    objects_.on_change({});
}

aio::task<> request_handler::stop() {
    wake_watchers();
    if (simulator_) co_return co_await simulator_->stop();
    co_return base::ok();
}

void request_handler::wake_watchers() {
    for (auto* each : watchers_) each->news.notify();
}

bool request_handler::is_allowed(const http::request& incoming) const {
    return token_.empty() || same_secret(incoming.headers.get("Authorization"), "Bearer " + token_);
}

http::outgoing_response request_handler::counted(const request_info& info,
                                                 http::outgoing_response response) {
    const auto status = response.stream ? 200U : response.response.status;
    ++statuses_[fmt::format("{} {} {}", info.verb, info.resource(), status)];
    return response;
}

std::optional<http::outgoing_response> request_handler::handle_now(http::request& incoming) {
    if (!is_allowed(incoming)) {
        ++calls_["unauthorized "];
        return plain_answer(to_response({401, "Unauthorized", "Unauthorized"}));
    }
    if (incoming.path().starts_with("/devcluster/")) return control(incoming);
    const auto info = core_.understand(incoming);
    if (!info) return plain_answer(to_response(bad_request(info.error().text)));
    ++calls_[info->verb + " " + info->resource()];
    if (auto injected = faults_.injected_error(info->verb, info->resource())) {
        return counted(*info, plain_answer(std::move(*injected)));
    }
    const bool must_wait =
        info->verb == "proxy" || faults_.delay(info->verb, info->resource()) > 0ms;
    if (must_wait) return std::nullopt;
    return counted(*info, to_outgoing(*info, core_.respond(*info, incoming)));
}

boost::asio::awaitable<http::outgoing_response> request_handler::handle(http::request incoming) {
    auto info = core_.understand(incoming);
    if (!info) co_return plain_answer(to_response(bad_request(info.error().text)));
    const auto wait = faults_.delay(info->verb, info->resource());
    if (wait > 0ms) {
        const auto waited = co_await aio::sleep_for(wait);
        if (!waited) co_return plain_answer(to_response(unavailable("the server is stopping")));
        // The types may have changed during the delay.
        info = core_.understand(incoming);
    }
    if (info->verb == "proxy") {
        co_return counted(*info, co_await proxied(*info, std::move(incoming)));
    }
    co_return counted(*info, to_outgoing(*info, core_.respond(*info, incoming)));
}

boost::asio::awaitable<http::outgoing_response> request_handler::proxied(const request_info& info,
                                                                         http::request incoming) {
    if (auto simulated = simulator_ ? simulator_->proxy(info) : std::nullopt) {
        constexpr auto endless = 24h;
        const auto wait = simulated->hangs ? std::chrono::milliseconds(endless) : simulated->delay;
        if (wait > 0ms && !co_await aio::sleep_for(wait)) {
            co_return plain_answer(to_response(unavailable("the client has disconnected")));
        }
        co_return std::move(simulated->outgoing);
    }
    auto result = core_.respond(info, incoming);
    auto* request = std::get_if<proxy_target>(&result);
    if (request == nullptr) co_return to_outgoing(info, std::move(result));
    co_return plain_answer(co_await backends_.forward(std::move(*request), std::move(incoming)));
}

http::outgoing_response request_handler::to_outgoing(const request_info&, api_result result) {
    if (auto* request = std::get_if<watch_request>(&result))
        return start_watch(std::move(*request));
    return plain_answer(std::move(std::get<http::response>(result)));
}

http::outgoing_response request_handler::error_response(unsigned status, std::string_view detail) {
    auto text = std::string(detail);
    if (status == 413) text = "Request entity too large: limit is 3145728";
    return plain_answer(to_response({status, std::string(reason_of(status)), std::move(text)}));
}

// ---- watches -----------------------------------------------------------------------------

http::outgoing_response request_handler::start_watch(watch_request request) {
    http::outgoing_response result{
        .response = {.status = 200, .headers = {{"Content-Type", "application/json"}}}};
    // Owned by the stream. Shared because the stream's function may be moved while it runs.
    auto feed = std::make_shared<watch_feed>(objects_, std::move(request),
                                             std::chrono::steady_clock::now());
    result.stream = [this, feed](http::stream_writer& out) { return run_watch(feed, out); };
    return result;
}

aio::task<> request_handler::run_watch(std::shared_ptr<watch_feed> feed, http::stream_writer& out) {
    watcher self(feed->type_key(), executor_);
    const auto position = watchers_.insert(&self).first;
    auto ended = co_await feed_watcher(*feed, out, self);
    watchers_.erase(position);
    co_return ended;
}

aio::task<> request_handler::feed_watcher(watch_feed& feed, http::stream_writer& out,
                                          watcher& self) {
    const auto cuts = faults_.watch_cuts();
    const auto expiries = faults_.watch_expiries();
    while (!out.is_draining()) {
        if (faults_.watch_cuts() != cuts) {
            co_return base::fail(base::errc::unavailable, "aborted by an injected fault");
        }
        if (faults_.watch_expiries() != expiries) feed.expire();
        const auto now = std::chrono::steady_clock::now();
        const bool is_silent = faults_.silences_watches();
        auto portion = is_silent ? watch_feed::portion{} : feed.next(now);
        if (portion.bytes) {
            auto result = co_await out.write(std::move(portion.bytes));
            if (!result) co_return result;
        }
        if (portion.is_last) break;
        if (portion.bytes) continue;
        auto woken =
            co_await self.news.wait_until(is_silent ? base::steady_time::max() : feed.due());
        if (!woken) co_return base::pass(std::move(woken));
    }
    co_return base::ok();
}

// ---- statistics and injected faults ------------------------------------------------------

http::outgoing_response request_handler::control(const http::request& incoming) {
    const bool reads = incoming.verb == http::method::get;
    const bool writes = incoming.verb == http::method::post;
    if (incoming.path() == "/devcluster/stats" && reads) return stats();
    if (incoming.path() == "/devcluster/faults" && writes) return set_faults(incoming);
    return plain_answer(to_response({404, "NotFound", "no such path"}));
}

http::outgoing_response request_handler::set_faults(const http::request& incoming) {
    boost::system::error_code error;
    const auto wanted = json::parse(incoming.body, error);
    if (error || !wanted.is_object()) {
        return plain_answer(to_response(bad_request("the body must be a JSON object")));
    }
    const auto set = faults_.set(wanted.get_object(), simulator_.get());
    if (!set) return plain_answer(to_response(bad_request(set.error().text)));
    if (faults_.take_compaction()) objects_.forget_window();
    wake_watchers();
    return plain_answer(json_response(200, json::object{{"faults", "set"}}));
}

http::outgoing_response request_handler::stats() const {
    const auto counts = [](const std::map<std::string, std::uint64_t>& counters) {
        json::object object;
        for (const auto& [what, count] : counters) object[what] = count;
        return object;
    };
    std::size_t objects = 0;
    for (const auto& [type_key, all] : objects_.everything()) objects += all.size();
    json::object all{{"calls", counts(calls_)},
                     {"statuses", counts(statuses_)},
                     {"watchers", watchers_.size()},
                     {"objects", objects},
                     {"revision", objects_.revision()}};
    if (simulator_) all["simulator"] = simulator_->stats();
    return plain_answer(json_response(200, all));
}

}  // namespace apiserver
