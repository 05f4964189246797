#include "api/stream/event_ids.hpp"

#include <fmt/format.h>

#include <charconv>

#include "base/random_id.hpp"
#include "token/digest.hpp"
#include "token/random_secret.hpp"

namespace api {
namespace {

constexpr std::size_t nonce_length = 12;
constexpr std::size_t word_length = 16;  // 64 bits in hexadecimal

std::uint64_t derive(const base::secret& key, std::string_view label, std::string_view text) {
    const auto digest = token::hmac_sha256(key, fmt::format("{} {}", label, text));
    std::uint64_t result = 0;
    for (std::size_t i = 0; i < sizeof result; ++i) result = result << 8 | digest[i];
    return result;
}

std::string hex(std::uint64_t value) {
    return fmt::format("{:016x}", value);
}

}  // namespace

event_ids::event_ids() : key_(token::make_random_secret()) {}

std::string event_ids::seal(std::uint64_t number) const {
    const auto nonce = base::random_id("", nonce_length);
    const auto text = nonce + hex(number ^ derive(key_, "number", nonce));
    return text + hex(derive(key_, "id", text));
}

std::optional<std::uint64_t> event_ids::open(std::string_view id) const {
    constexpr auto text_length = nonce_length + word_length;
    if (id.size() != text_length + word_length) return std::nullopt;
    const auto text = id.substr(0, text_length);
    if (!token::equals_secretly(id.substr(text_length), hex(derive(key_, "id", text)))) {
        return std::nullopt;
    }
    const auto word = text.substr(nonce_length);
    std::uint64_t sealed = 0;
    std::from_chars(word.data(), word.data() + word.size(), sealed, 16);
    return sealed ^ derive(key_, "number", text.substr(0, nonce_length));
}

}  // namespace api
