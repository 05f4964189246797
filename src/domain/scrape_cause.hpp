#pragma once
// Why a scrape failed: causes of failures (base/cause.hpp). Their names are codes of the API and
// label values of the platform's own metrics. Names are stable, and their number is bounded. Pure.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace domain {

enum class scrape_cause : std::uint8_t {
    no_stats_service,       // no stats service, or no port "metrics"
    no_endpoints,           // a service without a ready pod
    exporter_unreachable,   // no connection, or it ended without a response
    exporter_timeout,       // no response until the deadline
    exporter_error,         // the exporter responded with 5xx
    exporter_denied,        // the exporter responded with 401 or 403
    no_metrics_page,        // the exporter responded with 404
    unexpected_status,      // another status; the message has its number
    invalid_response,       // not HTTP
    wrong_media_type,       // not an exposition format
    malformed_page,         // a line that does not parse; the message has its number
    no_known_series,        // a page without a series of the engine
    page_too_large,         // over the limit for pages
    metrics_denied,         // the API server rejected the request or the credentials
    api_server_error,       // the API server responded with 5xx
    throttled,              // too many requests, or too many scrapes at the same time
    engine_without_mapping  // no metric rules for the engine
};

inline constexpr std::array<std::string_view, 17> scrape_cause_names{
    "no_stats_service",      "no_endpoints",     "exporter_unreachable", "exporter_timeout",
    "exporter_error",        "exporter_denied",  "no_metrics_page",      "unexpected_status",
    "invalid_response",      "wrong_media_type", "malformed_page",       "no_known_series",
    "page_too_large",        "metrics_denied",   "api_server_error",     "throttled",
    "engine_without_mapping"};

constexpr std::string_view name(scrape_cause cause) noexcept {
    return scrape_cause_names[static_cast<std::size_t>(cause)];
}
static_assert(name(scrape_cause::engine_without_mapping) == "engine_without_mapping");

}  // namespace domain
