#include "scrape/failures.hpp"

#include <fmt/format.h>

#include <utility>

namespace scrape {
namespace {

using base::errc;

const char* reason_of(const base::failure& why) {
    switch (why.code) {
        case errc::not_found:
            return reason::no_stats_service;
        case errc::denied:
            return reason::metrics_denied;
        case errc::timed_out:
            return reason::exporter_timeout;
        case errc::limit:
            return reason::page_too_large;
        case errc::unavailable:
            if (why.reason == "TooManyRequests") return reason::throttled;
            if (why.reason == "Unauthorized") return reason::metrics_denied;  // passing, to kube
            return why.text.find("no endpoints available") != why.text.npos
                       ? reason::no_endpoints
                       : reason::exporter_unreachable;
        default:
            return "";
    }
}

std::string whole(http::body body) {
    if (!body.shared && body.middle.empty() && body.after.empty()) return std::move(body.before);
    return body.to_string();
}

bool is_status_object(const http::response& answer, std::string_view body) {
    return answer.headers.get("content-type").starts_with("application/json") &&
           body.find("\"Status\"") != body.npos;
}

}  // namespace

base::failure page_failure(base::failure from) {
    from.reason = reason_of(from);
    return from;
}

base::outcome<fetched_page> page_of(http::response answer) {
    auto body = whole(std::move(answer.body));
    if (answer.status == 200) {
        return fetched_page{.bytes = std::move(body),
                            .content_type = std::string(answer.headers.get("content-type"))};
    }
    // The words are the API server's or the exporter's; they hold no secret, but they may be long.
    const auto text =
        fmt::format("HTTP {}: {}", answer.status, std::string_view(body).substr(0, 200));
    const bool from_api = is_status_object(answer, body);
    switch (answer.status) {
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
    if (answer.status >= 500) {
        return std::unexpected(page_failure({.code = errc::unavailable, .text = text}));
    }
    return base::fail(errc::corrupt, text, reason::unexpected_status);
}

}  // namespace scrape
