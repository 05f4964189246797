#include "scrape/failures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/ascii.hpp"
#include "scrape/excerpt.hpp"

namespace scrape {
namespace {

using base::errc;

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != text.npos;
}

// The service proxy reports a failed connection as 503 with "error trying to reach service: ...",
// as plain text or in a Status. Some versions begin with a capital letter.
constexpr std::string_view proxy_error = "rror trying to reach service";

// The reasons of a Status that matter here, with their meaning for a scrape.
struct status_reason {
    std::string_view name;
    cause meaning;
};
constexpr std::array status_reasons{
    status_reason{"NotFound", cause::no_stats_service},
    status_reason{"Forbidden", cause::metrics_denied},
    status_reason{"Unauthorized", cause::metrics_denied},
    status_reason{"TooManyRequests", cause::throttled},
    status_reason{"ServiceUnavailable", cause::api_server_error},
    status_reason{"InternalError", cause::api_server_error},
    status_reason{"ServerTimeout", cause::api_server_error},
    status_reason{"not_served", cause::api_server_error},
};

std::optional<cause> cause_of_code(errc code) {
    switch (code) {
        case errc::not_found:
            return cause::no_stats_service;
        case errc::denied:
            return cause::metrics_denied;
        case errc::timed_out:
            return cause::exporter_timeout;
        case errc::limit:
            return cause::page_too_large;
        case errc::unavailable:
            return cause::exporter_unreachable;
        case errc::corrupt:
            return cause::invalid_response;
        default:
            return std::nullopt;
    }
}

std::optional<cause> cause_of(const base::failure& error) {
    // The API server distinguishes these two by the message only.
    if (error.code == errc::unavailable) {
        if (contains(error.text, "no endpoints available")) return cause::no_endpoints;
        if (contains(error.text, "no service port")) return cause::no_stats_service;
        if (contains(error.text, proxy_error)) return cause::exporter_unreachable;
    }
    const auto* const row = std::ranges::find(status_reasons, error.reason, &status_reason::name);
    return row == status_reasons.end() ? cause_of_code(error.code) : row->meaning;
}

errc code_of(cause cause) {
    switch (cause) {
        case cause::no_stats_service:
        case cause::no_metrics_page:
            return errc::not_found;
        case cause::exporter_timeout:
            return errc::timed_out;
        case cause::exporter_denied:
        case cause::metrics_denied:
            return errc::denied;
        case cause::page_too_large:
            return errc::limit;
        case cause::engine_without_mapping:
            return errc::unsupported;
        case cause::unexpected_status:
        case cause::invalid_response:
        case cause::wrong_media_type:
        case cause::malformed_page:
        case cause::no_known_series:
            return errc::corrupt;
        case cause::no_endpoints:
        case cause::exporter_unreachable:
        case cause::exporter_error:
        case cause::api_server_error:
        case cause::throttled:
            break;
    }
    return errc::unavailable;
}

// Returns the cause of a Status of the API server.
cause cause_of_status_object(unsigned status, std::string_view body) {
    if (contains(body, "no endpoints available")) return cause::no_endpoints;
    if (contains(body, proxy_error)) return cause::exporter_unreachable;
    if (status == 404 || contains(body, "no service port")) return cause::no_stats_service;
    if (status == 401 || status == 403) return cause::metrics_denied;
    if (status == 429) return cause::throttled;
    if (status == 504) return cause::exporter_timeout;
    return status >= 500 ? cause::api_server_error : cause::unexpected_status;
}

// Returns the cause of a response that is not a Status.
cause cause_of_status(unsigned status, std::string_view body) {
    switch (status) {
        case 401:
        case 403:
            return cause::exporter_denied;
        case 404:
            return cause::no_metrics_page;
        case 429:
            return cause::throttled;
        case 504:
            return cause::exporter_timeout;
        default:
            break;
    }
    if (status < 500) return cause::unexpected_status;
    return contains(body, proxy_error) ? cause::exporter_unreachable : cause::exporter_error;
}

std::string text_of(http::body body) {
    if (!body.shared && body.middle.empty() && body.after.empty()) return std::move(body.before);
    return body.to_string();
}

bool is_status_object(const http::response& response, std::string_view body) {
    const bool has_kind =
        contains(body, R"("kind":"Status")") || contains(body, R"("kind": "Status")");
    return has_kind && response.headers.get("content-type").starts_with("application/json");
}

}  // namespace

std::unexpected<base::failure> fail(cause cause, std::string text) {
    return base::fail(code_of(cause), std::move(text), cause);
}

base::failure page_failure(base::failure error) {
    const auto cause = cause_of(error);
    error.reason.clear();
    error.cause = {};
    if (cause) error.set_cause(*cause);
    return error;
}

base::outcome<fetched_page> page_of(http::response response) {
    auto body = text_of(std::move(response.body));
    if (response.status == 200) {
        const auto coding = response.headers.get("content-encoding");
        if (!coding.empty() && base::lower(coding) != "identity") {
            return fail(cause::invalid_response,
                        fmt::format("the Content-Encoding '{}' is not supported; the exporter or "
                                    "its proxy must send the page as it is or with gzip",
                                    excerpt_of(coding)));
        }
        return fetched_page{.bytes = std::move(body),
                            .content_type = std::string(response.headers.get("content-type"))};
    }
    auto text = fmt::format("HTTP {}", response.status);
    const auto location = response.headers.get("location");
    if (!location.empty()) text += " to " + excerpt_of(location);
    const auto excerpt = excerpt_of(body);
    if (!excerpt.empty()) text += ": " + excerpt;
    return fail(is_status_object(response, body) ? cause_of_status_object(response.status, body)
                                                 : cause_of_status(response.status, body),
                std::move(text));
}

}  // namespace scrape
