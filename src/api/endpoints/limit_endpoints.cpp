#include "api/endpoints/limit_endpoints.hpp"

#include "api/problem.hpp"
#include "json/json_writer.hpp"

namespace api {

http::response rate_limits_response(const request_context& context) {
    const auto& rates = context.api.rates;
    std::string text;
    json::writer out(text);
    out.begin_object().key("items").begin_array();
    for (const auto kind : {domain::rate_class::reads, domain::rate_class::writes}) {
        if (!rates.is_limited(kind)) continue;
        const auto limit = rates.look_up({.kind = kind, .name = context.principal->subject},
                                         context.api.deps.health.replicas(), context.started_at);
        const auto report = domain::report_of(limit.quota, limit.step.debt);
        out.begin_object().member("class", domain::name(kind));
        out.member("quota", limit.quota.burst);
        out.member("window_seconds", std::int64_t{report.window.count()});
        out.member("remaining", report.remaining);
        out.member("reset_seconds", std::int64_t{report.reset.count()});
        out.member("scope", rates.is_shared(kind) ? "platform" : "replica").end_object();
    }
    out.end_array().end_object();
    auto response = json_response(http::body(std::move(text)));
    response.headers.add("Cache-Control", "no-store");
    return response;
}

}  // namespace api
