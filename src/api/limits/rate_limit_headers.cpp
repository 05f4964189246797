#include "api/limits/rate_limit_headers.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "json/json_writer.hpp"

namespace api {

void add_rate_limit_headers(http::headers& headers, const met_limit& limit) {
    const auto report = domain::report_of(limit.quota, limit.step.debt);
    const auto name = domain::name(limit.kind);
    headers.add(std::string(rate_limit_names::policy_header),
                fmt::format("\"{}\";q={};w={}", name, limit.quota.burst, report.window.count()));
    headers.add(std::string(rate_limit_names::limit_header),
                fmt::format("\"{}\";r={};t={}", name, report.remaining, report.reset.count()));
}

http::response quota_exceeded(const met_limit& limit, std::string_view request_id) {
    const auto report = domain::report_of(limit.quota, limit.step.debt);
    const auto name = domain::name(limit.kind);
    const auto wait = std::max<std::int64_t>(report.wait.count(), 1);
    std::string text;
    json::writer out(text);
    out.begin_object();
    out.member("type", rate_limit_names::problem_type);
    out.member("title", rate_limit_names::problem_title);
    out.member("status", std::int64_t{429}).member("code", "quota_exceeded");
    out.member("detail",
               fmt::format("the rate limit of {} is exceeded; retry after {} s", name, wait));
    out.member("request_id", request_id);
    out.key("errors").begin_array().end_array();
    out.member("retryable", true);
    out.key(rate_limit_names::violated_policies).begin_array().text(name).end_array();
    out.end_object();
    http::response response{.status = 429, .body = http::body(std::move(text))};
    response.headers.add("Content-Type", "application/problem+json");
    response.headers.add("Cache-Control", "no-store");
    response.headers.add("Retry-After", std::to_string(wait));
    return response;
}

}  // namespace api
