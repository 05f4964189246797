#include "api/handler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <unordered_map>

#include "aio/run_on.hpp"
#include "api/endpoints/read_endpoints.hpp"
#include "api/endpoints/write_endpoints.hpp"
#include "api/middleware/allowed_hosts.hpp"
#include "api/problem.hpp"
#include "api/read_model/list_queries.hpp"
#include "base/ascii.hpp"
#include "base/random_id.hpp"
#include "http/negotiation.hpp"

namespace api {

bool is_permitted(const principal& who, std::string_view permission) noexcept {
    return permission.empty() || who.is_administrator;
}

api_metrics::api_metrics(obs::registry& registry)
    : all(&registry),
      in_flight(&registry.make_gauge("dbaas_http_requests_in_flight", "Requests in progress.")),
      streams(&registry.make_gauge("dbaas_http_streams", "Open event streams.")) {}

void api_metrics::request(std::string_view route, std::string_view method, unsigned status,
                          double seconds) {
    // Handles are kept per thread: the registry's own lookup takes a lock.
    struct handles {
        obs::counter* total;
        obs::histogram* duration;
    };
    thread_local std::unordered_map<std::string, handles> known;
    thread_local std::string key;
    thread_local const obs::registry* owner = nullptr;
    if (owner != all) {
        known.clear();
        owner = all;
    }
    key.assign(route).append(" ").append(method).append(" ").append(std::to_string(status));
    auto at = known.find(key);
    if (at == known.end()) {
        const obs::label_list labels{{"route", std::string(route)},
                                     {"method", std::string(method)},
                                     {"status", std::to_string(status)}};
        at = known
                 .emplace(
                     key,
                     handles{&all->make_counter("dbaas_http_requests_total",
                                                "Requests by route, method and status.", labels),
                             &all->make_histogram("dbaas_http_request_duration_seconds",
                                                  "Time from request to response, without "
                                                  "streams.",
                                                  obs::latency_bounds_seconds(), labels)})
                 .first;
    }
    at->second.total->add();
    at->second.duration->observe(seconds);
}

namespace {

bool is_request_id(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               c == '-' || c == '_' || c == '.';
    });
}

// Whether a body of this Content-Type can be read: media types know no case, parameters do not
// matter (RFC 9110, 8.3.1).
bool is_taken(std::string_view content_type, http::method verb) noexcept {
    const auto media = http::media_type(content_type);
    return base::equals_ignore_case(media, "application/json") ||
           (verb == http::method::patch &&
            base::equals_ignore_case(media, "application/merge-patch+json"));
}

class request_handler final : public http::handler {
  public:
    request_handler(api_context& shared, std::shared_ptr<stream_hub> hub)
        : shared_(shared), hub_(std::move(hub)), reading_(shared), writing_(shared) {}

    std::optional<http::outgoing_response> handle_now(http::request& incoming) override {
        auto context = begin(incoming);
        auto early = refuse_early(incoming, context);
        if (early) return finish(context, std::move(*early));
        const auto& to = *context.to;
        if (to.id == operation_id::stream) return start_stream(incoming, context);
        auto response = reading_.answer(to.id, context.parameter, incoming, context.request_id);
        if (response) return finish(context, std::move(*response));
        incoming.handed_over = std::make_shared<request_context>(std::move(context));
        return std::nullopt;
    }

    boost::asio::awaitable<http::outgoing_response> handle(http::request incoming) override {
        const auto handed = std::static_pointer_cast<request_context>(incoming.handed_over);
        const auto& context = *handed;
        shared_.probe.in_flight->add(1);
        auto response = co_await writing_.answer(
            context.to->id, context.parameter, std::move(incoming),
            {.subject = context.who.subject, .request_id = context.request_id});
        shared_.probe.in_flight->add(-1);
        co_return finish(context, std::move(response));
    }

    http::outgoing_response error_response(unsigned status, std::string_view detail) override {
        request_context context{.request_id = base::random_id("req-"),
                                .begun = std::chrono::steady_clock::now(),
                                .method = "unknown"};
        auto answer = finish(context, problem(status, "bad_request", detail, context.request_id));
        answer.close = true;
        return answer;
    }

  private:
    struct request_context {
        const route* to = nullptr;
        std::string parameter{};
        std::string request_id{};
        std::string origin{};  // allowed one; empty otherwise
        principal who{};
        base::steady_time begun{};
        std::string_view method{};
    };

    request_context begin(const http::request& incoming) {
        const auto given = incoming.headers.get("X-Request-Id");
        request_context context{
            .request_id = is_request_id(given) ? std::string(given) : base::random_id("req-"),
            .who = {.subject = "local-admin", .is_administrator = true},
            .begun = std::chrono::steady_clock::now(),
            .method = http::name(incoming.verb)};
        const auto origin = incoming.headers.get("Origin");
        if (!origin.empty()) {
            const auto& allowed = shared_.how.cors_origins;
            const bool known = std::ranges::any_of(
                allowed, [&](const auto& each) { return each == "*" || each == origin; });
            if (known) context.origin = origin;
        }
        return context;
    }

    // Preflights, unknown routes, methods and media types, and the permission check.
    std::optional<http::response> refuse_early(const http::request& incoming,
                                               request_context& context) {
        const auto path = incoming.path();
        const auto& id = context.request_id;
        if (!is_served_host(incoming.headers.get("Host"), shared_.how.hosts)) {
            return problem(421, "misdirected_request",
                           "unknown Host header; without authentication only local host names are "
                           "accepted",
                           id);
        }
        const auto matched = match(incoming.verb, path);
        if (incoming.verb == http::method::options && matched.path_known) {
            http::response response{.status = 204};
            response.headers.add("Allow", allowed_methods(path));
            if (!context.origin.empty()) {
                response.headers.add("Access-Control-Allow-Methods", allowed_methods(path));
                response.headers.add("Access-Control-Allow-Headers",
                                     "Content-Type, If-Match, If-None-Match, Idempotency-Key, "
                                     "X-Request-Id, Last-Event-ID");
                response.headers.add("Access-Control-Max-Age", "600");
            }
            return response;
        }
        if (matched.found == nullptr) {
            if (!matched.path_known) return problem(404, "not_found", "no such path", id);
            auto response =
                problem(405, "method_not_allowed",
                        fmt::format("method {} is not supported by this path", context.method), id);
            response.headers.add("Allow", allowed_methods(path));
            return response;
        }
        context.to = matched.found;
        const auto parameter = http::decode_percent(matched.parameter, false);
        if (!parameter) return problem(400, "bad_request", "path: invalid percent-encoding", id);
        context.parameter = *parameter;
        const auto& to = *matched.found;
        if (!is_permitted(context.who, to.permission)) {
            return problem(403, "denied", "the caller lacks the required permission", id);
        }
        if (!to.answer.empty() && !http::accepts_json(incoming.headers.get("Accept"))) {
            return problem(406, "not_acceptable", "Accept: must allow application/json", id);
        }
        if (to.query == query_rule::none && !incoming.query().empty()) {
            return problem(400, "bad_request", "this path takes no query parameters", id);
        }
        if (!to.body.empty() && !is_taken(incoming.headers.get("Content-Type"), incoming.verb)) {
            return problem(415, "unsupported_media_type", "Content-Type: must be application/json",
                           id);
        }
        return std::nullopt;
    }

    http::outgoing_response finish(const request_context& context, http::response response) {
        response.headers.add("X-Request-Id", context.request_id);
        response.headers.add("X-Content-Type-Options", "nosniff");
        if (!context.origin.empty()) {
            response.headers.add("Access-Control-Allow-Origin", context.origin);
            response.headers.add("Access-Control-Expose-Headers",
                                 "ETag, Location, X-Request-Id, Idempotency-Replayed, Age");
            response.headers.add("Vary", "Origin");
        }
        const auto took =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - context.begun).count();
        const auto where =
            context.to == nullptr ? std::string_view("unmatched") : context.to->pattern;
        shared_.probe.request(where, context.method, response.status, took);
        shared_.with.log.info("request", {{"method", context.method},
                                          {"route", where},
                                          {"status", response.status},
                                          {"duration_ms", took * 1000},
                                          {"request_id", context.request_id},
                                          {"subject", context.who.subject}});
        return {.response = std::move(response)};
    }

    http::outgoing_response start_stream(const http::request& incoming,
                                         const request_context& context) {
        auto place = shared_.places.take(incoming.peer);
        if (!place) {
            return finish(context,
                          problem(429, "too_many_streams",
                                  fmt::format("too many event streams from this address (max {})",
                                              shared_.how.streams_per_client),
                                  context.request_id));
        }
        stream_hub::subscription_options how{.snapshot = [this] { return snapshot(); },
                                             .generation = shared_.generation};
        const auto last = incoming.headers.get("Last-Event-ID");
        if (!last.empty()) {
            const auto mark = shared_.generation + "-";
            std::uint64_t number = UINT64_MAX;  // of another process: nothing to resume
            if (last.starts_with(mark)) {
                const auto digits = last.substr(mark.size());
                std::from_chars(digits.data(), digits.data() + digits.size(), number);
            }
            how.after = number;
        }
        http::response head{.status = 200};
        head.headers.add("Content-Type", "text/event-stream");
        head.headers.add("Cache-Control", "no-store");
        auto answer = finish(context, std::move(head));
        answer.stream = [this, how,
                         place = std::move(place)](http::stream_writer& out) -> aio::task<> {
            shared_.probe.streams->add(1);
            auto ended = co_await hub_->run(out, how);
            shared_.probe.streams->add(-1);
            co_return ended;
        };
        return answer;
    }

    // The present content in parts of some 64 KiB, so that a slow reader costs that much and no
    // more. Of the operations those that are not over: a record holds up to twenty that are, which
    // together are more than the databases, and whoever misses one can ask for it.
    std::function<shared_text()> snapshot() const {
        const auto all = shared_.model.all();
        return [all, at = all->databases.by_name.begin(), project = all->projects->begin(),
                operation = all->unfinished.begin()]() mutable -> shared_text {
            constexpr std::size_t part_bytes = 64 * 1024;
            std::string text;
            for (; at != all->databases.by_name.end() && text.size() < part_bytes; ++at) {
                const auto documents = at->what->slot->documents.load();
                const auto& record = *documents->view->record;
                append_snapshot(text, "database", record.id, record.revision, *documents->database);
            }
            for (; project != all->projects->end() && text.size() < part_bytes; ++project) {
                const auto& [name, record] = *project;
                append_snapshot(text, "project", name, record->revision, encode(*record));
            }
            for (; operation != all->unfinished.end() && text.size() < part_bytes; ++operation) {
                append_snapshot(text, "operation", (*operation)->id, 0, encode(**operation));
            }
            return text.empty() ? nullptr : std::make_shared<const std::string>(std::move(text));
        };
    }

    static void append_snapshot(std::string& text, std::string_view kind, std::string_view id,
                                std::int64_t revision, std::string_view object) {
        fmt::format_to(std::back_inserter(text),
                       "event: snapshot\ndata: {{\"kind\":\"{}\",\"id\":\"{}\",\"revision\":{},"
                       "\"object\":{}}}\n\n",
                       kind, id, revision, object);
    }

    api_context& shared_;
    std::shared_ptr<stream_hub> hub_;
    read_routes reading_;
    write_routes writing_;
};

}  // namespace

std::unique_ptr<http::handler> make_request_handler(api_context& shared,
                                                    std::shared_ptr<stream_hub> hub) {
    return std::make_unique<request_handler>(shared, std::move(hub));
}

}  // namespace api
