#include "api/endpoints/audit_endpoints.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "aio/run_on.hpp"
#include "api/audit/audit_csv.hpp"
#include "api/problem.hpp"
#include "api/request_query.hpp"
#include "base/time_text.hpp"
#include "json/json_writer.hpp"

namespace api {
namespace {

constexpr std::size_t limit_max = 1000;
constexpr std::size_t cursor_bytes_max = 128;
constexpr std::string_view lines = "application/x-ndjson";
constexpr std::string_view csv = "text/csv";

constexpr std::array<query_parameter, 9> parameters{{{.name = "actor"},
                                                     {.name = "action"},
                                                     {.name = "project"},
                                                     {.name = "database"},
                                                     {.name = "outcome"},
                                                     {.name = "from"},
                                                     {.name = "to"},
                                                     {.name = "cursor"},
                                                     {.name = "limit"}}};

base::outcome<std::size_t> read_limit(std::string_view value) {
    std::size_t limit = 0;
    const auto* const text_end = value.data() + value.size();
    const auto [end, error] = std::from_chars(value.data(), text_end, limit);
    if (error != std::errc() || end != text_end || limit < 1 || limit > limit_max) {
        return bad_request(fmt::format("limit: must be between 1 and {}", limit_max));
    }
    return limit;
}

base::outcome<app::audit_query> read_audit_query(std::string_view text) {
    auto items = read_query(text, parameters);
    if (!items) return base::pass(std::move(items));
    app::audit_query query;
    for (auto& [name, value] : *items) {
        if (name == "from" || name == "to") {
            const auto instant = base::from_rfc3339(value);
            if (!instant) {
                return bad_request(fmt::format("{}: must be an RFC 3339 timestamp", name));
            }
            (name == "from" ? query.begin : query.end) = *instant;
        } else if (name == "limit") {
            auto limit = read_limit(value);
            if (!limit) return base::pass(std::move(limit));
            query.limit = *limit;
        } else if (name == "cursor") {
            constexpr std::string_view cursor_characters = "0123456789abcdefghijklmnopqrstuvwxyz.-";
            const bool has_others = value.find_first_not_of(cursor_characters) != std::string::npos;
            if (value.empty() || value.size() > cursor_bytes_max || has_others) {
                return bad_request("cursor: must be the next_cursor of the previous page");
            }
            query.cursor = value;
        } else {
            auto& target = name == "actor"     ? query.actor
                           : name == "action"  ? query.action
                           : name == "project" ? query.project
                           : name == "outcome" ? query.outcome
                                               : query.object;
            target = value;
        }
    }
    return query;
}

http::response page_of(const app::audit_page& page) {
    std::string text;
    json::writer out(text);
    out.begin_object().key("items").begin_array();
    for (const auto& row : page.rows) out.raw(row);
    out.end_array().key("next_cursor");
    if (page.next.empty()) {
        out.null();
    } else {
        out.text(page.next);
    }
    out.end_object();
    return json_response(http::body(std::move(text)));
}

http::response export_of(const app::audit_page& page, bool is_csv, bool is_first) {
    std::string text = is_csv && is_first ? audit_csv_header() : "";
    if (is_csv) {
        text += audit_csv_lines(page.rows);
    } else {
        for (const auto& row : page.rows) text.append(row).append("\n");
    }
    http::response response{.status = 200, .body = http::body(std::move(text))};
    response.headers.add("Content-Type", std::string(is_csv ? csv : lines));
    if (!page.next.empty()) response.headers.add("X-Next-Cursor", page.next);
    return response;
}

}  // namespace

bool wants_export(const request_context& context, const http::request& request) noexcept {
    const auto accepted = request.headers.get("Accept");
    return context.route->id == endpoint::list_audit &&
           (accepted.starts_with(lines) || accepted.starts_with(csv));
}

boost::asio::awaitable<http::response> respond_with_audit(const request_context& context,
                                                          const http::request& request) {
    const auto& deps = context.api.deps;
    auto query = read_audit_query(request.query());
    if (!query) co_return problem(query.error(), context.request_id, deps.log);
    const bool is_first = query->cursor.empty();
    const auto page = co_await aio::run_on<app::audit_page>(
        deps.control, [&] { return deps.platform.audit.find(std::move(*query)); });
    if (!page) co_return problem(page.error(), context.request_id, deps.log);
    const bool is_csv = request.headers.get("Accept").starts_with(csv);
    auto response =
        wants_export(context, request) ? export_of(*page, is_csv, is_first) : page_of(*page);
    response.headers.add("Cache-Control", "no-store");
    co_return response;
}

}  // namespace api
