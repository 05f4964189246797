#include "app/identity/credential_text.hpp"

#include <algorithm>

#include "token/api_key.hpp"
#include "token/refresh_token.hpp"

namespace app {
namespace {

bool begins_with_api_key(std::string_view text) noexcept {
    return token::id_of_api_key(text.substr(0, token::api_key_length)).has_value();
}

bool begins_with_refresh_token(std::string_view text) noexcept {
    return token::refresh_token_length(text) > 0;
}

// Removes the characters of base64url at the start and returns their number.
std::size_t skip_base64_url(std::string_view& text) noexcept {
    const auto end = std::ranges::find_if_not(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_';
    });
    const auto count = static_cast<std::size_t>(end - text.begin());
    text.remove_prefix(count);
    return count;
}

// The base64url of an object that begins with '{"'.
constexpr std::string_view jwt_part_begin = "eyJ";

bool begins_with_jwt(std::string_view text) noexcept {
    for (int part = 0; part < 2; ++part) {
        if (!text.starts_with(jwt_part_begin)) return false;
        skip_base64_url(text);
        if (!text.starts_with('.')) return false;
        text.remove_prefix(1);
    }
    constexpr std::size_t signature_length_min = 40;
    return skip_base64_url(text) >= signature_length_min;
}

// Returns whether the text after an occurrence of `prefix` fulfils the predicate.
bool any_begins(std::string_view text, std::string_view prefix,
                bool (*predicate)(std::string_view) noexcept) noexcept {
    while (true) {
        const auto begin = text.find(prefix);
        if (begin == std::string_view::npos) return false;
        text.remove_prefix(begin);
        if (predicate(text)) return true;
        text.remove_prefix(prefix.size());
    }
}

}  // namespace

bool contains_credential(std::string_view text) noexcept {
    return any_begins(text, token::api_key_prefix, begins_with_api_key) ||
           any_begins(text, jwt_part_begin, begins_with_jwt) ||
           any_begins(text, token::refresh_token_prefix, begins_with_refresh_token);
}

bool is_refresh_token(std::string_view text) noexcept {
    return token::refresh_token_length(text) == text.size() && !text.empty();
}

}  // namespace app
