#pragma once
// Why a page was not had, in words that are the same whichever way it was asked for. Pure.

#include "base/failure.hpp"
#include "http/message.hpp"
#include "scrape/source.hpp"

namespace scrape {

// Stable words that users see beside stale metrics.
namespace reason {
inline constexpr const char* no_stats_service = "no_stats_service";
inline constexpr const char* no_endpoints = "no_endpoints";  // a service without a ready pod
inline constexpr const char* exporter_unreachable = "exporter_unreachable";
inline constexpr const char* exporter_timeout = "exporter_timeout";
inline constexpr const char* no_metrics_page = "no_metrics_page";
inline constexpr const char* page_too_large = "page_too_large";
inline constexpr const char* metrics_denied = "metrics_denied";
inline constexpr const char* throttled = "throttled";
inline constexpr const char* unexpected_status = "unexpected_status";
}  // namespace reason

// The failure of a client (the Kubernetes one too, which makes them of Status bodies) with the
// reason that belongs to it; none for what is not about the exporter.
base::failure page_failure(base::failure from);

// What an answer means, the exporter's own or the service proxy's: its page, or a failure as above.
base::outcome<fetched_page> page_of(http::response answer);

}  // namespace scrape
