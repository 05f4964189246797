#include "api/handler.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "aio/run_on.hpp"
#include "api/audit/audit_rows.hpp"
#include "api/endpoints/access_endpoints.hpp"
#include "api/endpoints/audit_endpoints.hpp"
#include "api/endpoints/exposition_endpoint.hpp"
#include "api/endpoints/key_endpoints.hpp"
#include "api/endpoints/limit_endpoints.hpp"
#include "api/endpoints/live_endpoints.hpp"
#include "api/endpoints/member_endpoints.hpp"
#include "api/endpoints/oidc_endpoints.hpp"
#include "api/endpoints/platform_endpoints.hpp"
#include "api/endpoints/read_endpoints.hpp"
#include "api/endpoints/role_endpoints.hpp"
#include "api/endpoints/service_account_endpoints.hpp"
#include "api/endpoints/session_endpoints.hpp"
#include "api/endpoints/user_endpoints.hpp"
#include "api/endpoints/write_endpoints.hpp"
#include "api/limits/rate_limit_headers.hpp"
#include "api/middleware/middleware.hpp"
#include "api/middleware/min_revision.hpp"
#include "api/problem.hpp"
#include "api/stream/stream_endpoint.hpp"
#include "app/identity/credential_text.hpp"
#include "base/random_id.hpp"

namespace api {
namespace {

bool is_request_id(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               c == '-' || c == '_' || c == '.';
    }) && !app::contains_credential(text);
}

boost::asio::awaitable<http::response> respond_to_audited(request_context& context,
                                                          const http::request& request,
                                                          const app::audited& act) {
    const auto id = context.route->id;
    if (id == endpoint::get_credentials) co_return co_await respond_with_credentials(context, act);
    if (is_key_write(id)) co_return co_await respond_to_key_write(context, request, act);
    if (is_member_write(id)) co_return co_await respond_to_member_write(context, request, act);
    if (is_user_write(id)) co_return co_await respond_to_user_write(context, request, act);
    if (is_role_write(id)) co_return co_await respond_to_role_write(context, request, act);
    if (is_service_account_write(id)) {
        co_return co_await respond_to_service_account_write(context, request, act);
    }
    if (is_session_write(id)) co_return co_await respond_to_session_write(context, request, act);
    if (is_oidc_login(id)) co_return co_await respond_to_oidc_login(context, request, act);
    if (id == endpoint::put_log_level) co_return co_await change_log_level(context, request);
    co_return co_await respond_to_write(context, request, act);
}

// A request that handle_now() could not complete.
struct request_in_progress {
    request_context context;
    std::optional<app::awaited_record> awaited{};  // the record that it waits for first
    // The caller and the object of the write were read from the store.
    bool has_read = false;

    // Returns whether it waits until the store was read, and not for a revision.
    [[nodiscard]] bool awaits_read() const noexcept { return awaited && awaited->revision == 0; }
};

const request_in_progress* in_progress(const http::request& request) noexcept {
    return static_cast<const request_in_progress*>(request.handed_over.get());
}

// Returns whether X-Min-Revision applies: also to an object that this replica does not know yet,
// but not to a request that was rejected for another reason. Routes of objects are never public.
// `is_hidden`: the object is missing or invisible. Such a request reads the store once, and its
// response depends on nothing else: the revision of an invisible object must not.
bool may_wait(const http::request& request, const request_context& context,
              const std::optional<http::response>& response, bool is_hidden) {
    const auto* const earlier = in_progress(request);
    const bool has_read = earlier != nullptr && earlier->awaits_read();
    return request.headers.has(min_revision_header) && context.route != nullptr &&
           !context.route->access.is_public() && (!response || response->status == 404) &&
           !(is_hidden && has_read);
}

// Returns whether another replica's change of the caller must be known before the request is
// decided: it writes, or returns a password.
bool reads_caller(const request_context& context) noexcept {
    return context.route != nullptr && is_audited(*context.route) && context.principal != nullptr;
}

// Returns whether the request is rejected only because memory has no such object. Another replica
// may have created it since, and a client takes a 404 for a deletion that has happened.
bool may_be_unknown(const http::request& request, const request_context& context,
                    const http::response& rejection) noexcept {
    const auto* const earlier = in_progress(request);
    const bool has_read = earlier != nullptr && earlier->has_read;
    return rejection.status == 404 && !has_read && reads_caller(context);
}

app::written_object written_object_of(const request_context& context) {
    using kind = app::written_object::kind;
    const auto kind_of = [](target_kind target) {
        switch (target) {
            case target_kind::database:
                return kind::database;
            case target_kind::project:
                return kind::project;
            case target_kind::api_key:
                return kind::api_key;
            case target_kind::user:
                return kind::user;
            case target_kind::role:
                return kind::role;
            case target_kind::service_account:
                return kind::service_account;
            case target_kind::operation:  // no write names one
            case target_kind::no_object:
                break;
        }
        return kind::none;
    };
    auto type = kind_of(context.route->target());
    if (!context.second_parameter.empty()) {
        if (type == kind::project) type = kind::member;
        if (type == kind::service_account) type = kind::key_of_account;
    }
    return {.type = type, .id = context.parameter, .second = context.second_parameter};
}

// Returns the response of an endpoint that waits for nothing; nothing for the other endpoints.
std::optional<http::response> respond_from_memory(const request_context& context,
                                                  const http::request& request) {
    if (context.route->id == endpoint::get_rate_limits) return rate_limits_response(context);
    if (context.route->id == endpoint::get_log_level) return log_level_response(context);
    for (const auto respond : {respond_from_cache, respond_from_keys, respond_from_members,
                               respond_from_users, respond_from_sessions, respond_from_roles,
                               respond_from_service_accounts, respond_about_access}) {
        if (auto response = respond(context, request)) return response;
    }
    return std::nullopt;
}

class request_handler final : public http::handler {
  public:
    request_handler(api_context& api, std::shared_ptr<stream_hub> hub)
        : api_(api), hub_(std::move(hub)) {}

    std::optional<http::outgoing_response> handle_now(http::request& request) override {
        auto context = begin(request);
        auto rejection = run_middleware(request, context);
        const bool is_first = request.handed_over == nullptr;
        if (context.needs_lookup && is_first && api_.deps.lookup != nullptr) {
            request.handed_over = std::make_shared<request_in_progress>(std::move(context));
            return std::nullopt;
        }
        const bool is_hidden = rejection.has_value() || context.hides_target;
        if (may_wait(request, context, rejection, is_hidden)) {
            auto awaited = read_min_revision(request, context, is_hidden);
            if (!awaited) {
                return finish(context, {.response = problem(awaited.error(), context.request_id,
                                                            api_.deps.log)});
            }
            if (*awaited) {
                request.handed_over =
                    std::make_shared<request_in_progress>(std::move(context), std::move(*awaited));
                return std::nullopt;
            }
        }
        if (rejection && may_be_unknown(request, context, *rejection)) {
            request.handed_over = std::make_shared<request_in_progress>(std::move(context));
            return std::nullopt;
        }
        if (rejection) {
            note_denial(context, request, rejection->status);
            return finish(context, {.response = std::move(*rejection)});
        }
        if (context.route->id == endpoint::stream) {
            return finish(context, start_stream(context, request, hub_));
        }
        if (auto response = respond_from_memory(context, request)) {
            return finish(context, {.response = std::move(*response)});
        }
        request.handed_over = std::make_shared<request_in_progress>(std::move(context));
        return std::nullopt;
    }

    boost::asio::awaitable<http::outgoing_response> handle(http::request request) override {
        auto shared = std::static_pointer_cast<request_in_progress>(request.handed_over);
        if (shared->context.needs_lookup) {
            co_return co_await handle_after_lookup(std::move(request));
        }
        // After a read of the store, the object may be visible and have an older revision.
        while (shared->awaited) {
            auto response = co_await wait_for_revision(*shared);
            if (response) {
                co_return finish(shared->context, {.response = std::move(*response)});
            }
            // The request starts again with the newest state, and does not wait for it again.
            if (!shared->awaits_read()) request.headers.erase(min_revision_header);
            request.headers.set("X-Request-Id", shared->context.request_id);
            if (auto outgoing = handle_now(request)) co_return std::move(*outgoing);
            shared = std::static_pointer_cast<request_in_progress>(request.handed_over);
        }
        if (auto response = co_await check_shared_rate(request, shared->context)) {
            note_denial(shared->context, request, response->status);
            co_return finish(shared->context, {.response = std::move(*response)});
        }
        if (reads_caller(shared->context)) {
            if (auto response = co_await read_for_write(shared->context)) {
                co_return finish(shared->context, {.response = std::move(*response)});
            }
            shared->has_read = true;
            request.headers.erase(min_revision_header);  // it has waited
            if (auto outgoing = handle_now(request)) co_return std::move(*outgoing);
            shared = std::static_pointer_cast<request_in_progress>(request.handed_over);
        }
        const auto& context = shared->context;
        api_.metrics.in_flight().add(1);
        const auto id = context.route->id;
        auto response =
            is_audited(*context.route) ? co_await run_audited(shared->context, request)
            : id == endpoint::databases_exposition
                ? co_await respond_with_exposition(context, request)
            : id == endpoint::start_oidc_login ? co_await respond_with_redirect(context, request)
            : id == endpoint::list_audit       ? co_await respond_with_audit(context, request)
                                               : co_await respond_with_history(context, request);
        api_.metrics.in_flight().add(-1);
        co_return finish(context, {.response = std::move(response)});
    }

    http::outgoing_response error_response(unsigned status, std::string_view detail) override {
        const request_context context{.api = api_,
                                      .request_id = base::random_id("req-"),
                                      .method = "unknown",
                                      .started_at = api_.deps.clock.now()};
        auto result = finish(
            context, {.response = problem(status, "bad_request", detail, context.request_id)});
        result.close = true;
        return result;
    }

  private:
    // Returns the response that ends the request, or nothing if the record is there.
    boost::asio::awaitable<std::optional<http::response>> wait_for_revision(
        request_in_progress& request) {
        const auto& context = request.context;
        const auto& deps = api_.deps;
        auto waited = co_await aio::run_on<void>(deps.control, [&] {
            return deps.platform.reads.wait_for(std::move(*request.awaited));
        });
        if (waited) co_return std::nullopt;
        co_return problem(waited.error(), context.request_id, deps.log);
    }
    // Returns the response that ends the request, or nothing if the caller and the object were
    // read.
    boost::asio::awaitable<std::optional<http::response>> read_for_write(
        const request_context& context) {
        const auto& deps = api_.deps;
        auto read = co_await aio::run_on<void>(deps.control, [&] {
            return deps.platform.reads.read_for_write(context.principal,
                                                      written_object_of(context));
        });
        if (read) co_return std::nullopt;
        co_return problem(read.error(), context.request_id, deps.log);
    }
    // Writes a row before the act and one after it. Without the first one, the act does not happen.
    boost::asio::awaitable<http::response> run_audited(request_context& context,
                                                       const http::request& request) {
        auto act = co_await begin_audit(context, request);
        if (!act) co_return problem(act.error(), context.request_id, api_.deps.log);
        auto response = co_await respond_to_audited(context, request, *act);
        end_audit(context, std::move(*act), response);
        co_return response;
    }

    // Verifies the credential at another system, and runs the checks again.
    boost::asio::awaitable<http::outgoing_response> handle_after_lookup(http::request request) {
        const auto shared = std::static_pointer_cast<request_in_progress>(request.handed_over);
        const auto& context = shared->context;
        const std::string authorization(request.headers.get("Authorization"));
        const auto verified = co_await aio::run_on<void>(
            api_.deps.control, [&] { return api_.deps.lookup->look_up(authorization); });
        if (!verified) {
            co_return finish(context, {.response = problem(verified.error(), context.request_id,
                                                           api_.deps.log)});
        }
        if (auto response = handle_now(request)) co_return std::move(*response);
        co_return co_await handle(std::move(request));
    }

    request_context begin(const http::request& request) {
        if (request.handed_over) {  // the checks run again
            const auto& earlier =
                std::static_pointer_cast<request_in_progress>(request.handed_over)->context;
            return {.api = api_,
                    .request_id = earlier.request_id,
                    .method = earlier.method,
                    .started_at = earlier.started_at,
                    .trace = earlier.trace,
                    .parent_span = earlier.parent_span,
                    .limit = earlier.limit};
        }
        const auto id = request.headers.get("X-Request-Id");
        request_context context{
            .api = api_,
            .request_id = is_request_id(id) ? std::string(id) : base::random_id("req-"),
            .method = http::name(request.verb),
            .started_at = api_.deps.clock.now()};
        if (api_.deps.tracer.is_enabled()) start_span(request, context);
        return context;
    }

    // Without a traceparent, an unsampled request has no trace.
    void start_span(const http::request& request, request_context& context) {
        const auto parent = obs::parse_traceparent(request.headers.get("traceparent"));
        const auto started = api_.deps.tracer.start(parent);
        if (!parent && !started.is_sampled) return;
        context.trace = started;
        if (parent) context.parent_span = parent->span_id;
    }

    void end_span(const request_context& context, std::string_view route, unsigned status,
                  std::chrono::nanoseconds duration) {
        const auto started_before = std::chrono::duration_cast<std::chrono::microseconds>(duration);
        obs::span ended{.context = context.trace,
                        .parent_id = context.parent_span,
                        .kind = obs::span_kind::server,
                        .name = fmt::format("{} {}", context.method, route),
                        .start = api_.deps.clock.utc_now() - started_before,
                        .duration = duration,
                        .attributes = {{"http.request.method", std::string(context.method)},
                                       {"http.route", std::string(route)},
                                       {"dbaas.request_id", context.request_id}},
                        .numbers = {{"http.response.status_code", std::int64_t{status}}}};
        if (status >= 500) {
            ended.status = obs::span_status::error;
            ended.attributes.emplace_back("error.type", std::to_string(status));
        }
        api_.deps.tracer.finish(std::move(ended));
    }

    // Adds the headers of every response, counts the request and logs it.
    http::outgoing_response finish(const request_context& context,
                                   http::outgoing_response outgoing) {
        auto& response = outgoing.response;
        response.headers.add("X-Request-Id", context.request_id);
        response.headers.add("X-Content-Type-Options", "nosniff");
        if (context.limit) add_rate_limit_headers(response.headers, *context.limit);
        add_cors_headers(response.headers, context);
        // Every other response of the route, a 304 too, may depend on the credential.
        const bool is_private = context.route != nullptr && !context.route->access.is_public();
        if (is_private && !response.headers.has("Cache-Control")) {
            response.headers.add("Cache-Control", "private, no-cache");
        }
        // The client opens its next connection to a replica that goes on to serve.
        if (api_.deps.health.is_stopping()) outgoing.close = true;
        const auto elapsed = api_.deps.clock.now() - context.started_at;
        const std::chrono::duration<double> duration = elapsed;
        const auto route =
            context.route == nullptr ? std::string_view("unmatched") : context.route->pattern;
        api_.metrics.count_request(route, context.method, response.status, duration.count());
        if (context.trace.is_sampled) end_span(context, route, response.status, elapsed);
        const obs::trace_field trace(context.trace);
        api_.deps.log.info(
            "request", {{"method", context.method},
                        {"route", route},
                        {"status", response.status},
                        {"duration_ms", duration.count() * 1000},
                        {"request_id", context.request_id},
                        trace.value(),
                        {"subject", context.principal ? context.principal->subject : ""},
                        {"credential", context.principal ? context.principal->credential : ""}});
        return outgoing;
    }

    api_context& api_;
    std::shared_ptr<stream_hub> hub_;
};

}  // namespace

std::unique_ptr<http::handler> make_request_handler(api_context& api,
                                                    std::shared_ptr<stream_hub> hub) {
    return std::make_unique<request_handler>(api, std::move(hub));
}

}  // namespace api
