#include "api/endpoints/live_endpoints.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "aio/run_on.hpp"
#include "api/problem.hpp"
#include "api/request_query.hpp"
#include "base/time_text.hpp"
#include "timeseries/metric_history.hpp"

namespace api {
namespace {

using boost::asio::awaitable;

constexpr auto step_seconds_max = static_cast<int>(timeseries::metric_history::step_max.count());

constexpr std::array<query_parameter, 4> history_parameters{
    {{.name = "metric"}, {.name = "from"}, {.name = "to"}, {.name = "step"}}};

base::outcome<std::chrono::seconds> read_step(std::string_view value) {
    int seconds = 0;
    const auto* const text_end = value.data() + value.size();
    const auto [end, error] = std::from_chars(value.data(), text_end, seconds);
    if (error != std::errc() || end != text_end || seconds < 1 || seconds > step_seconds_max) {
        return bad_request(fmt::format("step: must be between 1 and {} seconds", step_seconds_max));
    }
    return std::chrono::seconds(seconds);
}

struct history_query {
    app::history_request request;
    const domain::metric_description* metric = nullptr;
};

// `end` is the default end of the range.
base::outcome<history_query> read_history_query(std::string_view text, std::string database_id,
                                                base::instant end) {
    history_query query{.request = {.database_id = std::move(database_id),
                                    .begin = end - std::chrono::hours(1),
                                    .end = end}};
    auto items = read_query(text, history_parameters);
    if (!items) return base::pass(std::move(items));
    for (const auto& [name, value] : *items) {
        if (name == "metric") {
            query.metric = domain::find_metric(value);
            if (query.metric == nullptr) {
                return bad_request(fmt::format("metric: unknown metric '{}'", value));
            }
        } else if (name == "from" || name == "to") {
            const auto instant = base::from_rfc3339(value);
            if (!instant) {
                return bad_request(fmt::format("{}: must be an RFC 3339 timestamp", name));
            }
            (name == "from" ? query.request.begin : query.request.end) = *instant;
        } else {
            const auto step = read_step(value);
            if (!step) return std::unexpected(step.error());
            query.request.step = *step;
        }
    }
    if (query.metric == nullptr) return bad_request("metric: required");
    query.request.metric = query.metric->id;
    return query;
}

std::string encode_history(const domain::metric_description& metric,
                           const app::history_points& history) {
    std::string text;
    json::writer out(text);
    out.begin_object().member("metric", metric.name).member("unit", metric.unit);
    out.member("step_seconds", static_cast<std::int64_t>(history.step.count()));
    out.key("points").begin_array();
    for (const auto& [instant, value] : history.points) {
        out.begin_array().text(base::to_rfc3339(instant)).number(value).end_array();
    }
    out.end_array().end_object();
    return text;
}

}  // namespace

awaitable<http::response> respond_with_history(const request_context& context,
                                               const http::request& request) {
    const auto& deps = context.api.deps;
    // The default range includes the current second.
    const auto now = std::chrono::floor<std::chrono::seconds>(deps.clock.utc_now());
    const auto query =
        read_history_query(request.query(), context.parameter, now + std::chrono::seconds(1));
    if (!query) co_return problem(query.error(), context.request_id, deps.log);
    auto& reads = deps.platform.reads;
    const auto points = co_await aio::run_on<app::history_points>(
        deps.control, [&] { return reads.read_history(query->request); });
    if (!points) co_return problem(points.error(), context.request_id, deps.log);
    co_return json_response(http::body(encode_history(*query->metric, *points)));
}

awaitable<http::response> respond_with_credentials(const request_context& context,
                                                   const app::audited& /*act*/) {
    const auto& deps = context.api.deps;
    auto& reads = deps.platform.reads;
    const auto login = co_await aio::run_on<ports::credentials>(
        deps.control, [&] { return reads.read_credentials(context.parameter, context.caller()); });
    if (!login) co_return problem(login.error(), context.request_id, deps.log);
    auto response = json_response(http::body(encode(*login)));
    response.headers.add("Cache-Control", "no-store");
    co_return response;
}

}  // namespace api
