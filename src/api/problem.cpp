#include "api/problem.hpp"

#include <array>

#include "api/request_query.hpp"
#include "app/store_failure.hpp"
#include "json/json_writer.hpp"

namespace api {
namespace {

using base::errc;

struct row {
    errc code;
    unsigned status;
    std::string_view title;
};

constexpr std::array table{
    row{errc::invalid, 422, "Validation failed"},
    row{errc::not_found, 404, "Not found"},
    row{errc::conflict, 409, "Conflict with the current state"},
    row{errc::precondition, 412, "Precondition failed"},
    row{errc::denied, 403, "Forbidden"},
    row{errc::limit, 409, "Limit exceeded"},
    row{errc::unavailable, 503, "Service unavailable"},
    row{errc::timed_out, 504, "Timeout of a dependency"},
    row{errc::cancelled, 503, "Shutting down"},
    row{errc::unsupported, 422, "Not supported"},
    row{errc::gone, 410, "Gone"},
    row{errc::corrupt, 502, "Invalid response from a dependency"},
    row{errc::internal, 500, "Internal error"},
};

const row& row_of(errc code) noexcept {
    for (const auto& row : table) {
        if (row.code == code) return row;
    }
    return table.back();
}

std::string_view title_of_status(unsigned status) noexcept {
    switch (status) {
        case 400:
            return "Bad request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 404:
            return "Not found";
        case 405:
            return "Method not allowed";
        case 406:
            return "Not acceptable";
        case 408:
            return "Request timeout";
        case 413:
            return "Request body too large";
        case 414:
            return "URI too long";
        case 415:
            return "Unsupported media type";
        case 421:
            return "Misdirected request";
        case 422:
            return "Validation failed";
        case 429:
            return "Too many requests";
        case 431:
            return "Request header fields too large";
        case 503:
            return "Service unavailable";
        default:
            return "Request rejected";
    }
}

// Returns what a client may read about a failure of the store, whose own text names its parts.
std::string_view detail_of_store(const base::failure& failure) noexcept {
    const bool is_started = failure.cause != ports::store_cause::queue_full &&
                            failure.cause != ports::store_cause::not_started;
    if (!is_started) return "the store is not available; try again";
    switch (failure.code) {
        case errc::timed_out:
            return "the store did not respond before the deadline; a change may have been made";
        case errc::conflict:
        case errc::precondition:
            return "another request has changed the object; read it again";
        case errc::limit:
            return "the object is too large for the store";
        case errc::invalid:
            return "the store does not accept the request";
        default:
            return "the store is not available; a change may have been made";
    }
}

bool is_internal(const base::failure& failure) noexcept {
    return failure.code == errc::internal || failure.code == errc::corrupt;
}

// Returns the text for the client. The log has the others, with their contexts.
std::string_view detail_of(const base::failure& failure) noexcept {
    if (is_internal(failure)) return "internal error; see the platform's log for this request_id";
    if (failure.code == errc::cancelled) return "the platform is shutting down";
    return app::is_of_store(failure) ? detail_of_store(failure) : failure.text;
}

http::response document(unsigned status, std::string_view title, std::string_view code,
                        std::string_view detail, std::string_view request_id, bool retryable,
                        const std::vector<base::field_error>& fields) {
    std::string text;
    json::writer out(text);
    out.begin_object();
    out.member("type", "about:blank").member("title", title);
    out.member("status", static_cast<std::int64_t>(status));
    out.member("code", code).member("detail", detail).member("request_id", request_id);
    out.key("errors").begin_array();
    for (const auto& field : fields) {
        out.begin_object();
        out.member("pointer", field.pointer).member("code", field.code);
        out.member("message", field.message).end_object();
    }
    out.end_array().member("retryable", retryable).end_object();
    http::response response{.status = status, .body = http::body(std::move(text))};
    response.headers.add("Content-Type", "application/problem+json");
    response.headers.add("Cache-Control", "no-store");
    return response;
}

}  // namespace

unsigned status_of(const base::failure& failure) noexcept {
    if (failure.cause == request_cause::bad_request) return 400;
    return row_of(failure.code).status;
}

http::response problem(const base::failure& failure, std::string_view request_id, obs::log& log) {
    const auto& row = row_of(failure.code);
    if (is_internal(failure) || app::is_of_store(failure)) {
        log.write(is_internal(failure) ? obs::level::error : obs::level::warning, "request_failed",
                  {{"request_id", request_id},
                   {"code", base::name(failure.code)},
                   {"detail", failure.text}});
    }
    const auto code =
        failure.reason.empty() || is_internal(failure) ? base::name(failure.code) : failure.reason;
    const auto detail = detail_of(failure);
    const auto status = status_of(failure);
    const auto title = status == row.status ? row.title : title_of_status(status);
    const bool is_retryable = failure.retryable() || failure.retry_after;
    auto response = document(status, title, code, detail, request_id, is_retryable, failure.fields);
    if (response.status == 503 || failure.retry_after) {
        const auto wait = failure.retry_after.value_or(std::chrono::seconds(1));
        response.headers.add("Retry-After", std::to_string(wait.count()));
    }
    return response;
}

http::response problem(unsigned status, std::string_view code, std::string_view detail,
                       std::string_view request_id) {
    const bool is_overload = status == 429 || status == 503;
    auto response = document(status, title_of_status(status), code, detail, request_id,
                             status == 408 || is_overload, {});
    if (is_overload) response.headers.add("Retry-After", "1");
    return response;
}

http::response json_response(http::body body, unsigned status) {
    http::response response{.status = status, .body = std::move(body)};
    response.headers.add("Content-Type", "application/json");
    return response;
}

}  // namespace api
