#include "token/jwt_parts.hpp"

#include "base/base64.hpp"
#include "json/duplicate_keys.hpp"
#include "json/json_access.hpp"

namespace token {

std::unexpected<base::failure> reject(std::string_view reason) {
    return base::fail(base::errc::denied, "the token is not valid", std::string(reason));
}

std::optional<jwt_parts> split_jwt(std::string_view text) {
    const auto first = text.find('.');
    if (first == std::string_view::npos) return std::nullopt;
    const auto second = text.find('.', first + 1);
    if (second == std::string_view::npos) return std::nullopt;
    if (text.find('.', second + 1) != std::string_view::npos) return std::nullopt;
    return jwt_parts{.header = text.substr(0, first),
                     .claims = text.substr(first + 1, second - first - 1),
                     .signature = text.substr(second + 1),
                     .signed_text = text.substr(0, second)};
}

std::optional<std::string> decode_jwt_part(std::string_view text) {
    auto bytes = base::from_base64(text);
    if (!bytes || base::to_base64_url(*bytes) != text) return std::nullopt;
    return bytes;
}

std::optional<json::object> object_of_jwt_part(std::string_view part) {
    const auto text = decode_jwt_part(part);
    if (!text || json::find_duplicate_key(*text)) return std::nullopt;
    auto value = json::try_parse(*text);
    if (!value || !value->is_object()) return std::nullopt;
    return std::move(value->get_object());
}

// 253402300800 is the first second of the year 10000.
std::optional<std::int64_t> time_at(const json::object& claims, std::string_view key) {
    constexpr std::int64_t seconds_max = 253402300800;
    const auto seconds = json::number_at(claims, key);
    if (!seconds || *seconds < 0 || *seconds >= seconds_max) return std::nullopt;
    return seconds;
}

std::int64_t seconds_of(base::instant instant) {
    return std::chrono::floor<std::chrono::seconds>(instant).time_since_epoch().count();
}

}  // namespace token
