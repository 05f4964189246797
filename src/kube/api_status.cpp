#include "kube/api_status.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/json_pointer.hpp"
#include "base/utf8.hpp"
#include "json/json.hpp"
#include "json/json_access.hpp"
#include "kube/status_reason.hpp"

namespace kube {
namespace {

using base::errc;

constexpr std::size_t message_bytes_max = 600;
constexpr std::size_t value_bytes_max = 60;  // longer quoted values are left out of messages
constexpr std::size_t causes_max = 32;
constexpr long retry_after_max = 24 * 60 * 60;

// As client-go does for a response without a Status.
std::optional<status_reason> reason_of_http(unsigned status) {
    switch (status) {
        case 401:
            return status_reason::unauthorized;
        case 403:
            return status_reason::forbidden;
        case 429:
            return status_reason::too_many_requests;
        case 500:
            return status_reason::internal_error;
        case 503:
            return status_reason::service_unavailable;
        case 504:
            return status_reason::timeout;
        default:
            return std::nullopt;
    }
}

errc code_of_http(unsigned status) {
    if (const auto reason = reason_of_http(status)) return code_of(*reason);
    switch (status) {
        case 404:
            return errc::not_found;
        case 405:
            return errc::unsupported;
        case 409:
            return errc::precondition;
        case 410:
            return errc::gone;
        default:
            break;
    }
    // Other codes are failures of the server or a proxy (a redirect, a 5xx).
    return status >= 400 && status < 500 ? errc::invalid : errc::unavailable;
}

std::optional<std::chrono::seconds> seconds_of(std::string_view text) {
    long value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
    return std::chrono::seconds(std::min(value, retry_after_max));
}

// At most `bytes_max` bytes of well-formed text, control characters as spaces.
std::string sanitise(std::string_view text, std::size_t bytes_max) {
    const auto front = base::truncate_utf8(text, bytes_max);
    std::string out;
    for (std::size_t pos = 0; pos < front.size();) {
        const auto length = base::utf8_length(front.substr(pos));
        const bool is_control = static_cast<unsigned char>(front[pos]) < 0x20 || front[pos] == 0x7f;
        if (length == 0 || is_control) {
            out += ' ';
        } else {
            out += front.substr(pos, length);
        }
        pos += std::max<std::size_t>(length, 1);
    }
    return front.size() < text.size() ? out + "..." : out;
}

// Where the value at the front of `text` ends: a Go-quoted string, or JSON in brackets.
std::size_t value_length(std::string_view text) {
    int depth = 0;
    bool in_string = false;
    for (std::size_t pos = 0; pos < text.size(); ++pos) {
        const char c = text[pos];
        if (in_string) {
            if (c == '\\') ++pos;
            if (c == '"') in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            ++depth;
        } else if (c == '}' || c == ']') {
            --depth;
        }
        if (!in_string && depth <= 0) return pos + 1;
    }
    return text.size();
}

std::vector<base::field_error> field_errors_of(const json::object& details) {
    std::vector<base::field_error> errors;
    const auto* causes = details.if_contains("causes");
    if (!causes || !causes->is_array()) return errors;
    for (const auto& each : causes->get_array()) {
        if (errors.size() == causes_max) break;
        if (!each.is_object()) continue;
        const auto& cause = each.get_object();
        errors.push_back(
            {.pointer = pointer_of_field(json::text_at(cause, "field")),
             .code = std::string(json::text_at(cause, "reason")),
             .message = sanitise(without_quoted_values(json::text_at(cause, "message")),
                                 message_bytes_max)});
    }
    return errors;
}

base::failure failure_of_code(unsigned http_status, std::string_view body) {
    if (http_status == 404) {  // a proxy can send that
        base::failure result{.code = code_of(status_reason::not_served),
                             .text = "the API server does not serve this path"};
        result.set_cause(status_reason::not_served);
        return result;
    }
    auto text = fmt::format("HTTP {} without a Status", http_status);
    const auto excerpt = sanitise(body, 200);
    if (!excerpt.empty()) text += ": " + excerpt;
    base::failure result{.code = code_of_http(http_status), .text = std::move(text)};
    if (const auto reason = reason_of_http(http_status)) result.set_cause(*reason);
    return result;
}

bool is_failure(const json::value& document) {
    return document.is_object() && json::text_at(document.get_object(), "kind") == "Status" &&
           json::text_at(document.get_object(), "apiVersion") == "v1" &&
           json::text_at(document.get_object(), "status") != "Success";
}

base::failure failure_of(const json::object& status, unsigned http_status) {
    base::failure result;
    result.reason = sanitise(json::text_at(status, "reason"), value_bytes_max);
    const auto reason = status_reason_of(result.reason);
    if (reason) result.cause = *reason;
    const auto code = static_cast<unsigned>(json::number_at(status, "code").value_or(http_status));
    const bool is_known = reason && *reason != status_reason::unknown;
    result.code = is_known ? code_of(*reason) : code_of_http(code);
    result.text =
        sanitise(without_quoted_values(json::text_at(status, "message")), message_bytes_max);
    if (result.text.empty()) result.text = fmt::format("HTTP {} {}", code, result.reason);
    const auto* details = status.if_contains("details");
    // The absence of an object names the object. A 404 without a name is about the path: a
    // definition that is not served for now, or a proxy.
    if (result.code == errc::not_found &&
        json::text_at(json::object_or_empty(status, "details"), "name").empty()) {
        result.code = code_of(status_reason::not_served);
        result.set_cause(status_reason::not_served);
    }
    if (details && details->is_object()) {
        result.fields = field_errors_of(details->get_object());
        const auto wait = json::number_at(details->get_object(), "retryAfterSeconds");
        if (wait && *wait > 0) {
            result.retry_after = std::chrono::seconds(std::min<long>(*wait, retry_after_max));
        }
    }
    return result;
}

}  // namespace

base::failure failure_of_response(unsigned http_status, std::string_view body,
                                  std::string_view retry_after) {
    const auto document = json::try_parse(body);
    auto result = document && is_failure(*document)
                      ? failure_of(document->get_object(), http_status)
                      : failure_of_code(http_status, body);
    if (const auto wait = seconds_of(retry_after)) result.retry_after = wait;
    return result;
}

base::failure failure_of_status(const json::object& status) {
    return failure_of(status, 500);
}

bool is_failure_status(std::string_view body) {
    if (!body.starts_with('{')) return false;
    const auto document = json::try_parse(body);
    return document && is_failure(*document);
}

std::string pointer_of_field(std::string_view field) {
    std::string pointer;
    const auto add = [&pointer](std::string_view token) {
        if (!token.empty()) pointer = base::pointer_to(pointer, token);
    };
    while (!field.empty()) {
        if (field.front() == '[') {
            const auto end = std::min(field.find(']'), field.size());
            add(field.substr(1, end - 1));
            field.remove_prefix(std::min(end + 1, field.size()));
        } else {
            const auto end = std::min(field.find_first_of(".["), field.size());
            add(field.substr(0, end));
            field.remove_prefix(end);
            if (field.starts_with('.')) field.remove_prefix(1);
        }
    }
    return pointer;
}

std::string without_quoted_values(std::string_view message) {
    constexpr std::string_view mark = "nvalid value: ";
    std::string out;
    while (true) {
        const auto result = message.find(mark);
        if (result == std::string_view::npos) return out += message;
        const auto begin = result + mark.size();
        const bool is_patch = message.substr(0, result).ends_with("patch: I");
        out += message.substr(0, begin);
        message.remove_prefix(begin);
        const bool is_value =
            message.starts_with('"') || message.starts_with('{') || message.starts_with('[');
        const auto length = is_value ? value_length(message) : 0;
        if (length > value_bytes_max || (is_patch && length > 0)) {
            out += "(left out)";
        } else {
            out += message.substr(0, length);
        }
        message.remove_prefix(length);
    }
}

}  // namespace kube
