#include "token/api_key.hpp"

#include <algorithm>
#include <array>

#include "base/fnv1a.hpp"
#include "base/random_id.hpp"

namespace token {
namespace {

constexpr std::string_view alphabet = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::size_t id_begin = api_key_prefix.size();
constexpr std::size_t secret_begin = id_begin + api_key_id_length + 1;
constexpr std::size_t checksum_begin = secret_begin + api_key_secret_length;

using checksum_text = std::array<char, api_key_checksum_length>;

// `text`: everything before the checksum.
checksum_text checksum_of(std::string_view text) noexcept {
    auto hash = base::fnv1a(text);
    hash ^= hash >> 32U;
    checksum_text result{};
    for (char& c : result) {
        c = alphabet[hash % alphabet.size()];
        hash /= alphabet.size();
    }
    return result;
}

bool is_in_alphabet(std::string_view text) noexcept {
    return std::ranges::all_of(
        text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '2' && c <= '7'); });
}

}  // namespace

new_api_key make_api_key(std::string_view present_id) {
    auto id = present_id.empty() ? base::random_id("", api_key_id_length) : std::string(present_id);
    std::string text(api_key_prefix);
    text.reserve(api_key_length);
    text += id;
    text += '_';
    text += base::random_id("", api_key_secret_length);
    const auto checksum = checksum_of(text);
    text.append(checksum.data(), checksum.size());
    const auto digest = digest_of_api_key(text);
    auto last_four = text.substr(text.size() - 4);
    return {.id = std::move(id),
            .text = base::secret(std::move(text)),
            .digest = digest,
            .last_four = std::move(last_four)};
}

std::optional<std::string_view> id_of_api_key(std::string_view text) noexcept {
    if (text.size() != api_key_length || !text.starts_with(api_key_prefix)) return std::nullopt;
    if (text[secret_begin - 1] != '_') return std::nullopt;
    const auto id = text.substr(id_begin, api_key_id_length);
    if (!is_in_alphabet(id) || !is_in_alphabet(text.substr(secret_begin))) return std::nullopt;
    const auto expected = checksum_of(text.substr(0, checksum_begin));
    if (!std::ranges::equal(text.substr(checksum_begin), expected)) return std::nullopt;
    return id;
}

sha256_digest digest_of_api_key(std::string_view text) {
    return sha256(text);
}

}  // namespace token
