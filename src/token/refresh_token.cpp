#include "token/refresh_token.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/random_id.hpp"

namespace token {
namespace {

constexpr std::string_view alphabet = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::size_t secret_length = 52;  // 260 bits
constexpr std::size_t session_length_max = 64;
constexpr std::int64_t generation_max = 1'000'000'000;

bool is_in_alphabet(std::string_view text) noexcept {
    return std::ranges::all_of(
        text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '2' && c <= '7'); });
}

// Encodes 256 bits in 52 characters of 5 bits.
std::string to_base32(const sha256_digest& digest) {
    std::string text;
    text.reserve(secret_length);
    std::uint32_t bits = 0;
    unsigned count = 0;
    for (const auto byte : digest) {
        bits = (bits << 8U) | byte;
        count += 8;
        while (count >= 5) {
            count -= 5;
            text += alphabet[(bits >> count) & 31U];
        }
    }
    text += alphabet[(bits << (5 - count)) & 31U];
    return text;
}

// Removes the text before the next '_' and returns it.
std::string_view next_part(std::string_view& text) noexcept {
    const auto part = text.substr(0, text.find('_'));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    return part;
}

struct token_parts {
    std::string_view session;
    std::int64_t generation;
    std::string_view secret;
    std::string_view rest;  // the text after the token
};

// Returns the parts of the token that the text begins with, or nothing.
std::optional<token_parts> parts_of(std::string_view text) noexcept {
    if (!text.starts_with(refresh_token_prefix)) return std::nullopt;
    text.remove_prefix(refresh_token_prefix.size());
    const auto session = next_part(text);
    const auto number = next_part(text);
    const bool is_session =
        !session.empty() && session.size() <= session_length_max && is_in_alphabet(session);
    std::int64_t generation = -1;
    const auto [end, error] =
        std::from_chars(number.data(), number.data() + number.size(), generation);
    const bool is_generation = error == std::errc() && end == number.data() + number.size() &&
                               generation >= 0 && generation <= generation_max &&
                               (number == "0" || !number.starts_with('0'));
    const auto secret = text.substr(0, secret_length);
    if (!is_session || !is_generation || secret.size() != secret_length ||
        !is_in_alphabet(secret)) {
        return std::nullopt;
    }
    return token_parts{.session = session,
                       .generation = generation,
                       .secret = secret,
                       .rest = text.substr(secret_length)};
}

}  // namespace

refresh_token make_refresh_token(std::string session) {
    return {.session = std::move(session),
            .secret = base::secret(base::random_id("", secret_length))};
}

refresh_token successor_of(const refresh_token& previous, std::string_view seed) {
    const auto generation = previous.generation + 1;
    const auto digest = hmac_sha256(
        previous.secret, fmt::format("refresh {} {} {}", previous.session, generation, seed));
    return {.session = previous.session,
            .generation = generation,
            .secret = base::secret(to_base32(digest))};
}

std::size_t refresh_token_length(std::string_view text) noexcept {
    const auto parts = parts_of(text);
    return parts ? text.size() - parts->rest.size() : 0;
}

std::optional<refresh_token> parse_refresh_token(std::string_view text) {
    const auto parts = parts_of(text);
    if (!parts || !parts->rest.empty()) return std::nullopt;
    return refresh_token{.session = std::string(parts->session),
                         .generation = parts->generation,
                         .secret = base::secret(std::string(parts->secret))};
}

base::secret text_of(const refresh_token& token) {
    return base::secret(fmt::format("{}{}_{}_{}", refresh_token_prefix, token.session,
                                    token.generation, token.secret.reveal()));
}

sha256_digest digest_of(const refresh_token& token) {
    return sha256(text_of(token).reveal());
}

}  // namespace token
