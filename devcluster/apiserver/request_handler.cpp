#include "devcluster/apiserver/request_handler.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace apiserver {
namespace {

using namespace std::chrono_literals;

http::outgoing_response plain_answer(http::response response) {
    return {.response = std::move(response)};
}

// Without an early way out at the first difference.
bool same_secret(std::string_view a, std::string_view b) {
    unsigned difference = a.size() == b.size() ? 0U : 1U;
    for (std::size_t at = 0; at < std::min(a.size(), b.size()); ++at) {
        difference |= static_cast<unsigned char>(a[at]) ^ static_cast<unsigned char>(b[at]);
    }
    return difference == 0;
}

}  // namespace

struct serving::watcher {
    watcher(std::string key, const aio::executor& on) : type_key(std::move(key)), news(on) {}
    std::string type_key;
    aio::notification news;
};

serving::serving(aio::executor on, parts of)
    : executor_(std::move(on)),
      objects_(of.objects),
      core_(of.content),
      token_(std::move(of.token)),
      backends_(executor_) {
    if (of.simulator) simulator_ = of.simulator(executor_, core_, objects_);
    objects_.on_change([this](const change_event& event) {
        if (simulator_) simulator_->on_change(event);
        for (auto* each : watchers_) {
            if (each->type_key == event.type_key) each->news.notify();
        }
    });
}

serving::~serving() {
    objects_.on_change({});
}

aio::task<> serving::stop() {
    wake_watchers();
    if (simulator_) co_return co_await simulator_->stop();
    co_return base::outcome<void>();
}

void serving::wake_watchers() {
    for (auto* each : watchers_) each->news.notify();
}

bool serving::is_allowed(const http::request& incoming) const {
    return token_.empty() || same_secret(incoming.headers.get("Authorization"), "Bearer " + token_);
}

http::outgoing_response serving::counted(const call& asked, http::outgoing_response answer) {
    const auto status = answer.stream ? 200U : answer.response.status;
    ++statuses_[fmt::format("{} {} {}", asked.verb, asked.resource(), status)];
    return answer;
}

std::optional<http::outgoing_response> serving::handle_now(http::request& incoming) {
    if (!is_allowed(incoming)) {
        ++calls_["unauthorized "];
        return plain_answer(to_response({401, "Unauthorized", "Unauthorized"}));
    }
    if (incoming.path().starts_with("/devcluster/")) return control(incoming);
    const auto asked = core_.understand(incoming);
    if (!asked) return plain_answer(to_response(bad_request(asked.error().text)));
    ++calls_[asked->verb + " " + asked->resource()];
    if (auto refused = faults_.refuse(asked->verb, asked->resource())) {
        return counted(*asked, plain_answer(std::move(*refused)));
    }
    const bool must_wait =
        asked->verb == "proxy" || faults_.delay(asked->verb, asked->resource()) > 0ms;
    if (must_wait) return std::nullopt;
    return counted(*asked, answer_of(*asked, core_.answer(*asked, incoming)));
}

boost::asio::awaitable<http::outgoing_response> serving::handle(http::request incoming) {
    auto asked = core_.understand(incoming);
    if (!asked) co_return plain_answer(to_response(bad_request(asked.error().text)));
    const auto wait = faults_.delay(asked->verb, asked->resource());
    if (wait > 0ms) {
        const auto waited = co_await aio::sleep_for(wait);
        if (!waited) co_return plain_answer(to_response(unavailable("the server is stopping")));
        // Types may have changed meanwhile.
        asked = core_.understand(incoming);
    }
    if (asked->verb == "proxy") {
        co_return counted(*asked, co_await proxied(*asked, std::move(incoming)));
    }
    co_return counted(*asked, answer_of(*asked, core_.answer(*asked, incoming)));
}

boost::asio::awaitable<http::outgoing_response> serving::proxied(const call& asked,
                                                                 http::request incoming) {
    if (auto own = simulator_ ? simulator_->proxy(asked) : std::nullopt) {
        constexpr auto endless = 24h;
        const auto wait = own->never ? std::chrono::milliseconds(endless) : own->after;
        if (wait > 0ms && !co_await aio::sleep_for(wait)) {
            co_return plain_answer(to_response(unavailable("the client has gone")));
        }
        co_return std::move(own->answer);
    }
    auto got = core_.answer(asked, incoming);
    auto* order = std::get_if<proxy_order>(&got);
    if (order == nullptr) co_return answer_of(asked, std::move(got));
    co_return plain_answer(co_await backends_.forward(std::move(*order), std::move(incoming)));
}

http::outgoing_response serving::answer_of(const call&, reply got) {
    if (auto* order = std::get_if<watch_order>(&got)) return start_watch(std::move(*order));
    return plain_answer(std::move(std::get<http::response>(got)));
}

http::outgoing_response serving::error_response(unsigned status, std::string_view detail) {
    auto text = std::string(detail);
    if (status == 413) text = "Request entity too large: limit is 3145728";
    return plain_answer(to_response({status, std::string(reason_of(status)), std::move(text)}));
}

// ---- watches -----------------------------------------------------------------------------

http::outgoing_response serving::start_watch(watch_order order) {
    http::outgoing_response result{
        .response = {.status = 200, .headers = {{"Content-Type", "application/json"}}}};
    // Owned by the stream only; shared because a stream's function may be moved while it runs.
    auto feed =
        std::make_shared<watch_feed>(objects_, std::move(order), std::chrono::steady_clock::now());
    result.stream = [this, feed](http::stream_writer& out) { return run_watch(feed, out); };
    return result;
}

aio::task<> serving::run_watch(std::shared_ptr<watch_feed> feed, http::stream_writer& out) {
    watcher mine(feed->type_key(), executor_);
    const auto place = watchers_.insert(&mine).first;
    auto ended = co_await feed_watcher(*feed, out, mine);
    watchers_.erase(place);
    co_return ended;
}

aio::task<> serving::feed_watcher(watch_feed& feed, http::stream_writer& out, watcher& mine) {
    const auto cuts = faults_.watch_cuts();
    const auto expiries = faults_.watch_expiries();
    while (!out.is_draining()) {
        if (faults_.watch_cuts() != cuts) {
            co_return base::fail(base::errc::unavailable, "cut on demand");
        }
        if (faults_.watch_expiries() != expiries) feed.expire();
        const auto now = std::chrono::steady_clock::now();
        const bool is_silent = faults_.silences_watches();
        auto portion = is_silent ? watch_feed::portion{} : feed.next(now);
        if (portion.bytes) {
            auto sent = co_await out.write(std::move(portion.bytes));
            if (!sent) co_return sent;
        }
        if (portion.is_last) break;
        if (portion.bytes) continue;
        auto woken =
            co_await mine.news.wait_until(is_silent ? base::steady_time::max() : feed.due());
        if (!woken) co_return base::pass(std::move(woken));
    }
    co_return base::ok();
}

// ---- for proofs: what was asked, and trouble on demand -----------------------------------

http::outgoing_response serving::control(const http::request& incoming) {
    const bool reads = incoming.verb == http::method::get;
    const bool writes = incoming.verb == http::method::post;
    if (incoming.path() == "/devcluster/stats" && reads) return stats();
    if (incoming.path() == "/devcluster/faults" && writes) return set_faults(incoming);
    return plain_answer(to_response({404, "NotFound", "no such control"}));
}

http::outgoing_response serving::set_faults(const http::request& incoming) {
    boost::system::error_code error;
    const auto wanted = json::parse(incoming.body, error);
    if (error || !wanted.is_object()) {
        return plain_answer(to_response(bad_request("faults are a JSON object")));
    }
    const auto set = faults_.set(wanted.get_object(), simulator_.get());
    if (!set) return plain_answer(to_response(bad_request(set.error().text)));
    if (faults_.take_compaction()) objects_.forget_window();
    wake_watchers();
    return plain_answer(json_response(200, json::object{{"faults", "set"}}));
}

http::outgoing_response serving::stats() const {
    const auto counts = [](const std::map<std::string, std::uint64_t>& from) {
        json::object object;
        for (const auto& [what, count] : from) object[what] = count;
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
