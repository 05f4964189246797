#include "api/audit/audit_csv.hpp"

#include <array>
#include <string_view>

#include "json/json_access.hpp"

namespace api {
namespace {

constexpr std::array<std::string_view, 19> columns{
    "at",      "id",     "outcome",    "action",  "actor",      "via",
    "project", "object", "request_id", "address", "user_agent", "request_digest",
    "etag",    "chain",  "status",     "seq",     "hash",       "signature",
    "kind"};

void append_value(std::string& out, std::string_view text) {
    constexpr std::string_view formula_starts = "=+-@\t\r";
    constexpr std::string_view quoted = ",\"\r\n";
    const bool is_formula = !text.empty() && formula_starts.contains(text.front());
    const bool has_quotes = text.find_first_of(quoted) != std::string_view::npos;
    if (has_quotes) out += '"';
    if (is_formula) out += '\'';
    for (const char c : text) {
        if (c == '"') out += '"';
        out += c;
    }
    if (has_quotes) out += '"';
}

void append_member(std::string& out, const json::object& row, std::string_view name) {
    const auto* value = row.if_contains(name);
    if (value == nullptr) return;
    if (value->is_int64()) {
        out += std::to_string(value->get_int64());
    } else {
        append_value(out, json::text_at(row, name));
    }
}

}  // namespace

std::string audit_csv_header() {
    std::string text;
    for (const auto column : columns) {
        if (!text.empty()) text += ',';
        text += column;
    }
    return text.append("\r\n");
}

std::string audit_csv_lines(const std::vector<std::string>& rows) {
    std::string text;
    for (const auto& row : rows) {
        const auto value = json::try_parse(row).value_or(json::value(json::object()));
        const json::object empty;
        const auto& members = value.is_object() ? value.get_object() : empty;
        for (const auto column : columns) {
            if (column != columns.front()) text += ',';
            append_member(text, members, column);
        }
        text += "\r\n";
    }
    return text;
}

}  // namespace api
