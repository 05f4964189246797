#include "api/handler.hpp"

#include <algorithm>

#include "api/endpoints/key_endpoints.hpp"
#include "api/endpoints/live_endpoints.hpp"
#include "api/endpoints/member_endpoints.hpp"
#include "api/endpoints/read_endpoints.hpp"
#include "api/endpoints/write_endpoints.hpp"
#include "api/middleware/middleware.hpp"
#include "api/problem.hpp"
#include "api/stream/stream_endpoint.hpp"

namespace api {
namespace {

bool is_request_id(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               c == '-' || c == '_' || c == '.';
    });
}

bool is_live_read(endpoint id) noexcept {
    return id == endpoint::get_credentials || id == endpoint::get_metrics_history;
}

class request_handler final : public http::handler {
  public:
    request_handler(api_context& api, std::shared_ptr<stream_hub> hub)
        : api_(api), hub_(std::move(hub)) {}

    std::optional<http::outgoing_response> handle_now(http::request& request) override {
        auto context = begin(request);
        if (auto response = run_middleware(request, context)) {
            return finish(context, {.response = std::move(*response)});
        }
        if (context.route->id == endpoint::stream) {
            return finish(context, start_stream(context, request, hub_));
        }
        if (auto response = respond_from_cache(context, request)) {
            return finish(context, {.response = std::move(*response)});
        }
        if (auto response = respond_from_keys(context, request)) {
            return finish(context, {.response = std::move(*response)});
        }
        if (auto response = respond_from_members(context, request)) {
            return finish(context, {.response = std::move(*response)});
        }
        request.handed_over = std::make_shared<request_context>(std::move(context));
        return std::nullopt;
    }

    boost::asio::awaitable<http::outgoing_response> handle(http::request request) override {
        const auto shared = std::static_pointer_cast<request_context>(request.handed_over);
        const auto& context = *shared;
        api_.metrics.in_flight().add(1);
        const auto id = context.route->id;
        auto response = is_live_read(id)      ? co_await respond_live(context, request)
                        : is_key_write(id)    ? co_await respond_to_key_write(context, request)
                        : is_member_write(id) ? co_await respond_to_member_write(context, request)
                                              : co_await respond_to_write(context, request);
        api_.metrics.in_flight().add(-1);
        co_return finish(context, {.response = std::move(response)});
    }

    http::outgoing_response error_response(unsigned status, std::string_view detail) override {
        const request_context context{.api = api_,
                                      .request_id = base::random_id("req-"),
                                      .method = "unknown",
                                      .started_at = std::chrono::steady_clock::now()};
        auto result = finish(
            context, {.response = problem(status, "bad_request", detail, context.request_id)});
        result.close = true;
        return result;
    }

  private:
    request_context begin(const http::request& request) {
        const auto id = request.headers.get("X-Request-Id");
        return {.api = api_,
                .request_id = is_request_id(id) ? std::string(id) : base::random_id("req-"),
                .method = http::name(request.verb),
                .started_at = std::chrono::steady_clock::now()};
    }

    // Adds the headers of every response, counts the request and logs it.
    http::outgoing_response finish(const request_context& context,
                                   http::outgoing_response outgoing) {
        auto& response = outgoing.response;
        response.headers.add("X-Request-Id", context.request_id);
        response.headers.add("X-Content-Type-Options", "nosniff");
        add_cors_headers(response.headers, context);
        const std::chrono::duration<double> duration =
            std::chrono::steady_clock::now() - context.started_at;
        const auto route =
            context.route == nullptr ? std::string_view("unmatched") : context.route->pattern;
        api_.metrics.count_request(route, context.method, response.status, duration.count());
        api_.deps.log.info(
            "request", {{"method", context.method},
                        {"route", route},
                        {"status", response.status},
                        {"duration_ms", duration.count() * 1000},
                        {"request_id", context.request_id},
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
