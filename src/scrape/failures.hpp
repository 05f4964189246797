#pragma once
// Why a page is missing. The reasons are the same for every fetcher. Pure.

#include "base/failure.hpp"
#include "http/message.hpp"
#include "scrape/source.hpp"

namespace scrape {

// Stable codes that users see next to stale metrics.
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

// Returns the failure of a client with the matching reason; "" if the failure does not concern the
// exporter. The Kubernetes client builds its failures from Status bodies.
base::failure page_failure(base::failure error);

// Returns the page of a response of the exporter or of the service proxy. Errors: those of
// page_fetcher.
base::outcome<fetched_page> page_of(http::response response);

}  // namespace scrape
