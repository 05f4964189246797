#include "sentry/envelope.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/ascii.hpp"
#include "base/time_text.hpp"
#include "base/utf8.hpp"
#include "json/json_writer.hpp"

namespace sentry {
namespace {

constexpr std::chrono::seconds retry_default{60};
constexpr std::string_view mask = "[Filtered]";
constexpr std::size_t value_bytes_max = 1024;
constexpr std::array secret_words{std::string_view("password"),  std::string_view("secret"),
                                  std::string_view("token"),     std::string_view("authorization"),
                                  std::string_view("cookie"),    std::string_view("dsn"),
                                  std::string_view("passphrase")};

// Masks each run of characters of a credential after `prefix`.
void mask_after(std::string& text, std::string_view prefix) {
    const auto is_part = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               c == '_' || c == '-' || c == '.' || c == '=' || c == '+' || c == '/';
    };
    for (auto begin = text.find(prefix); begin != std::string::npos;
         begin = text.find(prefix, begin + mask.size())) {
        auto end = begin + prefix.size();
        while (end < text.size() && is_part(text[end])) ++end;
        text.replace(begin, end - begin, mask);
    }
}

// Masks "user:password" of URLs.
void mask_user_information(std::string& text) {
    constexpr std::string_view marker = "://";
    for (auto begin = text.find(marker); begin != std::string::npos;
         begin = text.find(marker, begin + marker.size())) {
        const auto start = begin + marker.size();
        const auto end = std::min(text.find_first_of("/ \"'", start), text.size());
        const auto separator = text.rfind('@', end);
        if (separator == std::string::npos || separator < start || separator >= end) continue;
        text.replace(start, separator - start, mask);
    }
}

void write_fields(json::writer& out, std::string_view key, const event_fields& fields) {
    out.key(key).begin_object();
    for (const auto& [name, value] : fields) out.member(name, value);
    out.end_object();
}

std::string_view field_of(const breadcrumb& source, std::string_view name) {
    for (const auto& [key, value] : source.fields) {
        if (key == name) return value;
    }
    return {};
}

std::optional<std::chrono::seconds> read_seconds(std::string_view text) {
    std::int64_t value = 0;
    const auto* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || rest == text.data() || value < 0) return std::nullopt;
    return std::chrono::seconds(std::min<std::int64_t>(value, 24 * 3600));
}

// "60:error;transaction:organization": whether the limit covers errors.
bool covers_errors(std::string_view categories) {
    if (categories.empty()) return true;
    while (!categories.empty()) {
        const auto size = std::min(categories.find(';'), categories.size());
        if (categories.substr(0, size) == "error") return true;
        categories.remove_prefix(std::min(size + 1, categories.size()));
    }
    return false;
}

std::string event_document(const report& source) {
    std::string text;
    json::writer out(text);
    const auto& cause = source.cause;
    out.begin_object().member("event_id", source.id);
    out.member("timestamp", base::to_rfc3339_micro(cause.time)).member("platform", "native");
    out.member("level", cause.level).member("logger", "dbaas");
    out.member("release", source.release).member("environment", source.environment);
    out.member("server_name", source.server_name);
    const auto detail = field_of(cause, "detail");
    out.key("logentry").begin_object().member("message", cause.event);
    out.member("formatted",
               detail.empty() ? cause.event : fmt::format("{}: {}", cause.event, detail));
    out.end_object().key("fingerprint").begin_array();
    for (const auto& part : fingerprint_of(cause)) out.text(part);
    out.end_array().key("tags").begin_object().member("event", cause.event);
    for (const std::string_view name : {"request_id", "trace_id", "code", "database_id"}) {
        if (const auto value = field_of(cause, name); !value.empty()) out.member(name, value);
    }
    out.end_object();
    write_fields(out, "extra", cause.fields);
    out.key("breadcrumbs").begin_object().key("values").begin_array();
    for (const auto& entry : source.before) {
        out.begin_object().member("timestamp", base::to_rfc3339_micro(entry.time));
        out.member("type", "default").member("category", entry.event);
        out.member("level", entry.level);
        write_fields(out, "data", entry.fields);
        out.end_object();
    }
    out.end_array().end_object();
    if (source.repeated > 0) {
        out.key("contexts").begin_object().key("repetition").begin_object();
        out.member("type", "repetition").member("count", std::int64_t(source.repeated));
        out.end_object().end_object();
    }
    out.end_object();
    return text;
}

}  // namespace

base::outcome<dsn> parse_dsn(const base::secret& text) {
    const auto rejected = [](std::string_view reason) {
        return base::fail(base::errc::invalid,
                          fmt::format("must be https://KEY@HOST/PROJECT: {}", reason));
    };
    std::string_view rest = text.reveal();
    const auto scheme = rest.find("://");
    const auto separator = rest.find('@');
    if (scheme == std::string_view::npos || separator == std::string_view::npos ||
        separator < scheme) {
        return rejected("the key is missing");
    }
    auto key = rest.substr(scheme + 3, separator - scheme - 3);
    key = key.substr(0, key.find(':'));  // an old form has a secret key after the public one
    if (key.empty()) return rejected("the key is empty");
    auto server = http::parse_url(
        fmt::format("{}{}", rest.substr(0, scheme + 3), rest.substr(separator + 1)));
    if (!server) return rejected("the host or the path is invalid");
    const auto slash = server->path.rfind('/');
    if (slash == std::string::npos || slash + 1 == server->path.size()) {
        return rejected("the project is missing");
    }
    const auto project = server->path.substr(slash + 1);
    server->path = fmt::format("{}/api/{}/envelope/", server->path.substr(0, slash), project);
    return dsn{.server = std::move(*server), .public_key = std::string(key)};
}

std::vector<std::string> fingerprint_of(const breadcrumb& cause) {
    std::vector<std::string> parts{cause.event};
    for (const std::string_view name : {"code", "name", "kind", "activity", "collection"}) {
        if (const auto value = field_of(cause, name); !value.empty()) parts.emplace_back(value);
    }
    return parts;
}

std::string encode(const report& source, base::instant now) {
    const auto event = event_document(source);
    std::string text;
    json::writer(text)
        .begin_object()
        .member("event_id", source.id)
        .member("sent_at", base::to_rfc3339_micro(now))
        .end_object();
    text += '\n';
    json::writer(text)
        .begin_object()
        .member("type", "event")
        .member("content_type", "application/json")
        .member("length", static_cast<std::int64_t>(event.size()))
        .end_object();
    text += '\n';
    text += event;
    text += '\n';
    return text;
}

std::string scrubbed(std::string_view name, std::string value) {
    std::string lower(name);
    for (char& c : lower) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    }
    for (const auto word : secret_words) {
        if (lower.contains(word)) return std::string(mask);
    }
    mask_user_information(value);
    for (const std::string_view prefix : {"dbk_", "Bearer ", "eyJ"}) mask_after(value, prefix);
    return std::string(base::truncate_utf8(value, value_bytes_max));
}

void rate_limits::update(unsigned status, const http::headers& headers, base::steady_time now) {
    std::string_view limits = headers.get("X-Sentry-Rate-Limits");
    if (limits.empty() && status != 429) return;
    if (limits.empty()) {
        end_ = now + read_seconds(headers.get("Retry-After")).value_or(retry_default);
        return;
    }
    while (!limits.empty()) {
        const auto size = std::min(limits.find(','), limits.size());
        const auto limit = base::trimmed(limits.substr(0, size));
        limits.remove_prefix(std::min(size + 1, limits.size()));
        const auto colon = std::min(limit.find(':'), limit.size());
        const auto rest = limit.substr(std::min(colon + 1, limit.size()));
        if (!covers_errors(rest.substr(0, rest.find(':')))) continue;
        const auto seconds = read_seconds(limit.substr(0, colon)).value_or(retry_default);
        end_ = std::max(end_, now + seconds);
    }
}

}  // namespace sentry
