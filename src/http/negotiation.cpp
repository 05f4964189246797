#include "http/negotiation.hpp"

#include "base/ascii.hpp"

namespace http {

bool accepts_gzip(std::string_view accept_encoding) noexcept {
    bool any_is_allowed = false;
    while (!accept_encoding.empty()) {
        const auto comma = accept_encoding.find(',');
        const auto item = accept_encoding.substr(0, comma);
        accept_encoding = comma == std::string_view::npos ? "" : accept_encoding.substr(comma + 1);
        const auto semicolon = item.find(';');
        const auto coding = base::trimmed(item.substr(0, semicolon));
        // A weight of 0 ("q=0", "q=0.0") excludes the coding.
        const auto weight =
            semicolon == std::string_view::npos ? "" : base::trimmed(item.substr(semicolon + 1));
        const bool is_allowed = !(weight.starts_with("q=0") || weight.starts_with("Q=0")) ||
                                weight.find_first_of("123456789", 2) != std::string_view::npos;
        if (coding == "gzip" || coding == "x-gzip") return is_allowed;
        if (coding == "*") any_is_allowed = is_allowed;
    }
    return any_is_allowed;
}

bool accepts_json(std::string_view accept) noexcept {
    return accept.empty() || accept.contains("*/*") || accept.contains("application/");
}

std::string_view media_type(std::string_view content_type) noexcept {
    return base::trimmed(content_type.substr(0, content_type.find(';')));
}

std::optional<std::string_view> media_type_parameter(std::string_view content_type,
                                                     std::string_view name) noexcept {
    auto semicolon = content_type.find(';');
    while (semicolon != std::string_view::npos) {
        content_type.remove_prefix(semicolon + 1);
        semicolon = content_type.find(';');
        const auto item = content_type.substr(0, semicolon);
        const auto equals = item.find('=');
        if (equals == std::string_view::npos) continue;
        if (!base::equals_ignore_case(base::trimmed(item.substr(0, equals)), name)) continue;
        auto value = base::trimmed(item.substr(equals + 1));
        if (value.size() >= 2 && value.starts_with('"') && value.ends_with('"')) {
            value = value.substr(1, value.size() - 2);
        }
        return value;
    }
    return std::nullopt;
}

}  // namespace http
