#pragma once
// Rate limits in responses, as draft-ietf-httpapi-ratelimit-headers-10 describes them. This file
// and its .cpp are the only places with the names of the draft. Pure. Inside api only.

#include <string>
#include <string_view>

#include "api/limits/rate_limits.hpp"

namespace api {

namespace rate_limit_names {
inline constexpr std::string_view policy_header = "RateLimit-Policy";
inline constexpr std::string_view limit_header = "RateLimit";
inline constexpr std::string_view problem_type =
    "https://iana.org/assignments/http-problem-types#quota-exceeded";
inline constexpr std::string_view problem_title =
    "Request cannot be satisfied as assigned quota has been exceeded";
inline constexpr std::string_view violated_policies = "violated-policies";
}  // namespace rate_limit_names

// Adds RateLimit-Policy: "writes";q=100;w=5 and RateLimit: "writes";r=99;t=1.
void add_rate_limit_headers(http::headers& headers, const met_limit& limit);

// 429 with Retry-After and the problem type quota-exceeded.
http::response quota_exceeded(const met_limit& limit, std::string_view request_id);

}  // namespace api
