#pragma once
// The parsers of option values: each parses the text of one option into its member of `options`.
// They return an empty string, or a message without the value. Private to config.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "base/ascii.hpp"
#include "base/base64.hpp"
#include "config/options.hpp"

namespace config {

using std::string_view;

// The digits of a default that another module declares. Precondition: the number is positive.
template <std::int64_t Number>
struct decimal {
    static constexpr std::size_t size = [] {
        std::size_t count = 0;
        for (auto rest = Number; rest > 0; rest /= 10) ++count;
        return count;
    }();
    static constexpr std::array<char, size> digits = [] {
        std::array<char, size> result{};
        auto rest = Number;
        for (auto place = result.rbegin(); place != result.rend(); ++place, rest /= 10) {
            *place = static_cast<char>('0' + rest % 10);
        }
        return result;
    }();
    static constexpr string_view text{digits.data(), size};
};

inline std::optional<std::int64_t> parse_number(string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return value;
}

template <auto Member>
std::string read_number(const option_description& option, string_view text, options& out) {
    const auto value = parse_number(text);
    if (!value) return "must be a whole number";
    if (*value < option.range.min || *value > option.range.max) {
        return fmt::format("must be from {} to {}", option.range.min, option.range.max);
    }
    using target = std::remove_reference_t<decltype(out.*Member)>;
    out.*Member = target(*value);
    return {};
}

template <auto Member>
std::string read_text(const option_description&, string_view text, options& out) {
    out.*Member = std::string(text);
    return {};
}

template <auto Member>
std::string read_switch(const option_description&, string_view text, options& out) {
    const bool is_true = text == "true" || text == "1" || text == "yes" || text == "on";
    const bool is_false = text == "false" || text == "0" || text == "no" || text == "off";
    if (!is_true && !is_false) return "must be true or false";
    out.*Member = is_true;
    return {};
}

template <class Value, std::size_t Size>
struct choice_table {
    std::array<string_view, Size> names;
    std::array<Value, Size> values;
};

inline constexpr choice_table<environment_kind, 3> environments{
    {"development", "staging", "production"},
    {environment_kind::development, environment_kind::staging, environment_kind::production}};
inline constexpr choice_table<auth_mode, 3> auth_modes{
    {"auto", "local", "required"}, {auth_mode::automatic, auth_mode::local, auth_mode::required}};
inline constexpr choice_table<rate_limit_mode, 3> rate_limit_modes{
    {"auto", "on", "off"}, {rate_limit_mode::automatic, rate_limit_mode::on, rate_limit_mode::off}};
inline constexpr choice_table<log_style, 3> log_styles{
    {"auto", "json", "console"}, {log_style::automatic, log_style::json, log_style::console}};
inline constexpr choice_table<metrics_mode, 3> metrics_modes{
    {"auto", "proxy", "direct"},
    {metrics_mode::automatic, metrics_mode::proxy, metrics_mode::direct}};

inline constexpr choice_table<audit_export_mode, 2> audit_export_modes{
    {"none", "otlp"}, {audit_export_mode::none, audit_export_mode::otlp}};

// Ignores case.
template <auto Member, const auto& Choices>
std::string read_choice(const option_description&, string_view text, options& out) {
    const auto it = std::ranges::find(Choices.names, base::lower(text));
    if (it == Choices.names.end()) {
        return fmt::format("must be one of {}", fmt::join(Choices.names, ", "));
    }
    out.*Member = Choices.values[static_cast<std::size_t>(it - Choices.names.begin())];
    return {};
}

// Accepts a name of `Names`, in lower case.
template <auto Member, const auto& Names>
std::string read_name(const option_description&, string_view text, options& out) {
    if (std::ranges::find(Names, text) == Names.end()) {
        return fmt::format("must be one of {}", fmt::join(Names, ", "));
    }
    out.*Member = std::string(text);
    return {};
}

// Accepts scheme://[user[:password]@]host...
template <auto Member, const auto& Schemes>
std::string read_url(const option_description&, string_view text, options& out) {
    if (text.empty()) return {};
    for (const string_view scheme : Schemes) {
        if (!text.starts_with(scheme)) continue;
        auto host = text.substr(scheme.size());
        host = host.substr(0, host.find_first_of("/?"));
        if (const auto sign = host.rfind('@'); sign != string_view::npos) {
            host.remove_prefix(sign + 1);
        }
        if (host.empty() || host.find_first_of(" \t\r\n") != string_view::npos) {
            return "must contain a host name";
        }
        out.*Member = base::secret(std::string(text));
        return {};
    }
    return fmt::format("must start with {}", fmt::join(Schemes, " or "));
}

inline constexpr std::array trace_samplers{string_view("always_on"),
                                           string_view("always_off"),
                                           string_view("traceidratio"),
                                           string_view("parentbased_always_on"),
                                           string_view("parentbased_always_off"),
                                           string_view("parentbased_traceidratio")};
inline constexpr std::array mongodb_schemes{string_view("mongodb://"),
                                            string_view("mongodb+srv://")};
inline constexpr std::array redis_schemes{string_view("redis://"), string_view("rediss://"),
                                          string_view("redis+sentinel://"),
                                          string_view("rediss+sentinel://")};
inline constexpr std::array sentry_schemes{string_view("https://"), string_view("http://")};

template <auto Member>
std::string read_secret(const option_description&, string_view text, options& out) {
    out.*Member = base::secret(std::string(text));
    return {};
}

template <auto Member>
std::string read_jwt_secret(const option_description&, string_view text, options& out) {
    if (text.empty()) return {};
    if (text.size() < 32) {
        return "must have at least 32 bytes, such as the output of 'openssl rand -hex 32'";
    }
    out.*Member = base::secret(std::string(text));
    return {};
}

// 64 hexadecimal characters, or base64 of 32 bytes with or without padding.
template <auto Member>
std::string read_platform_key(const option_description&, string_view text, options& out) {
    if (text.empty()) return {};
    const auto bytes = base::from_base64(text);
    const bool is_hex =
        text.size() == 64 && text.find_first_not_of("0123456789abcdefABCDEF") == string_view::npos;
    if (!is_hex && (!bytes || bytes->size() != 32)) {
        return "must be 64 hexadecimal characters or base64 of 32 bytes, such as the output of "
               "'openssl rand -hex 32'";
    }
    out.*Member = base::secret(std::string(text));
    return {};
}

// Ignores case and blanks.
inline std::string read_log_levels(const option_description&, string_view text, options& out) {
    auto wanted = base::lower(text);
    std::erase_if(wanted, [](char c) { return c == ' ' || c == '\t'; });
    const auto levels = obs::parse_log_levels(wanted);
    if (!levels) return "must be LEVEL or LEVEL,MODULE=LEVEL,...: " + levels.error().text;
    out.log_levels = *levels;
    return {};
}

inline bool is_origin(string_view text) {
    const auto scheme_end = text.find("://");
    return scheme_end != string_view::npos &&
           (text.starts_with("http://") || text.starts_with("https://")) &&
           text.size() > scheme_end + 3 &&
           text.find_first_of("/?# ", scheme_end + 3) == string_view::npos;
}

inline std::string read_origins(const option_description&, string_view text, options& out) {
    std::vector<std::string> origins;
    while (!text.empty()) {
        const auto comma = text.find(',');
        const auto origin = base::trimmed(text.substr(0, comma));
        if (origin != "*" && !is_origin(origin)) {
            return "must be * or a comma-separated list of origins such as "
                   "https://console.example.com";
        }
        origins.emplace_back(origin);
        if (comma == string_view::npos) break;
        text.remove_prefix(comma + 1);
    }
    out.cors_origins = std::move(origins);
    return {};
}

inline std::string read_proxies(const option_description&, string_view text, options& out) {
    std::vector<base::ip_network> networks;
    while (!text.empty()) {
        const auto comma = text.find(',');
        const auto network = base::parse_ip_network(base::trimmed(text.substr(0, comma)));
        if (!network) {
            return "must be a comma-separated list of networks such as 10.0.0.0/8 or 2001:db8::1";
        }
        networks.push_back(*network);
        if (comma == string_view::npos) break;
        text.remove_prefix(comma + 1);
    }
    out.trusted_proxies = std::move(networks);
    return {};
}

// Accepts "off", RATE or RATE:BURST. RATE is per `period`; without BURST it is the burst as well.
inline std::string read_rate(string_view text, std::chrono::nanoseconds period,
                             domain::rate_quota& out) {
    constexpr std::int64_t number_max = 1'000'000;
    if (text == "off") {
        out = {};
        return {};
    }
    const auto colon = text.find(':');
    const auto rate = parse_number(text.substr(0, colon));
    const auto burst = colon == string_view::npos ? rate : parse_number(text.substr(colon + 1));
    if (!rate || !burst) return "must be RATE, RATE:BURST or off, such as 20:100";
    if (*rate < 1 || *rate > number_max || *burst < 1 || *burst > number_max) {
        return fmt::format("must have numbers from 1 to {}", number_max);
    }
    out.interval = period / *rate;
    out.burst = *burst;
    return {};
}

template <domain::rate_class Kind>
std::string read_rate_per_second(const option_description&, string_view text, options& out) {
    return read_rate(text, std::chrono::seconds(1), out.rate_quotas[std::size_t(Kind)]);
}

// A rejected login counts, so that the delay grows with each attempt.
template <domain::rate_class Kind>
std::string read_logins_per_minute(const option_description&, string_view text, options& out) {
    auto& quota = out.rate_quotas[std::size_t(Kind)];
    auto problem = read_rate(text, std::chrono::minutes(1), quota);
    if (quota.is_limited()) quota.penalty_max = std::chrono::minutes(15);
    return problem;
}

inline std::string read_listen(const option_description&, string_view text, options& out) {
    constexpr const char* message = "must be ADDRESS:PORT, such as 127.0.0.1:8000";
    const auto colon = text.rfind(':');
    if (colon == string_view::npos) return message;
    auto address = text.substr(0, colon);
    if (address.starts_with('[') && address.ends_with(']')) {
        address = address.substr(1, address.size() - 2);
    }
    const auto port = parse_number(text.substr(colon + 1));
    if (address.empty() || !port || *port < 0 || *port > 65535) return message;
    out.listen_address = address == "localhost" ? "127.0.0.1" : std::string(address);
    out.listen_port = static_cast<std::uint16_t>(*port);
    return {};
}

inline std::string read_data_dir(const option_description&, string_view text, options& out) {
    if (text.empty()) return "must be the path of a directory";
    out.data_dir = std::string(text);
    return {};
}

}  // namespace config
