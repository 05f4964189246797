#include "scrape/failures.hpp"

#include <fmt/format.h>

#include <utility>

namespace scrape {
namespace {

using base::errc;

const char* reason_of(const base::failure& error) {
    switch (error.code) {
        case errc::not_found:
            return reason::no_stats_service;
        case errc::denied:
            return reason::metrics_denied;
        case errc::timed_out:
            return reason::exporter_timeout;
        case errc::limit:
            return reason::page_too_large;
        case errc::unavailable:
            if (error.reason == "TooManyRequests") return reason::throttled;
            if (error.reason == "Unauthorized") return reason::metrics_denied;  // kube retries it
            return error.text.find("no endpoints available") != error.text.npos
                       ? reason::no_endpoints
                       : reason::exporter_unreachable;
        default:
            return "";
    }
}

std::string text_of(http::body body) {
    if (!body.shared && body.middle.empty() && body.after.empty()) return std::move(body.before);
    return body.to_string();
}

bool is_status_object(const http::response& response, std::string_view body) {
    return response.headers.get("content-type").starts_with("application/json") &&
           body.find("\"Status\"") != body.npos;
}

}  // namespace

base::failure page_failure(base::failure error) {
    error.reason = reason_of(error);
    return error;
}

base::outcome<fetched_page> page_of(http::response response) {
    auto body = text_of(std::move(response.body));
    if (response.status == 200) {
        return fetched_page{.bytes = std::move(body),
                            .content_type = std::string(response.headers.get("content-type"))};
    }
    // The body is the API server's or the exporter's. It holds no secret, but it may be long.
    const auto text =
        fmt::format("HTTP {}: {}", response.status, std::string_view(body).substr(0, 200));
    const bool from_api = is_status_object(response, body);
    switch (response.status) {
        case 401:
        case 403:
            return base::fail(errc::denied, text, reason::metrics_denied);
        case 404:
            return base::fail(errc::not_found, text,
                              from_api ? reason::no_stats_service : reason::no_metrics_page);
        case 429:
            return base::fail(errc::unavailable, text, reason::throttled);
        case 504:
            return base::fail(errc::timed_out, text, reason::exporter_timeout);
        default:
            break;
    }
    if (response.status >= 500) {
        return std::unexpected(page_failure({.code = errc::unavailable, .text = text}));
    }
    return base::fail(errc::corrupt, text, reason::unexpected_status);
}

}  // namespace scrape
