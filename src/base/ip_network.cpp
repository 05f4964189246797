#include "base/ip_network.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace base {
namespace {

constexpr std::array<std::uint8_t, 12> v4_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr unsigned v4_bits = 96;

bool has_bits_after(const ip_address& address, unsigned prefix) noexcept {
    for (unsigned bit = prefix; bit < 128; ++bit) {
        if ((address.bytes[bit / 8] & (0x80U >> (bit % 8))) != 0) return true;
    }
    return false;
}

}  // namespace

bool ip_address::is_v4() const noexcept {
    return std::equal(v4_prefix.begin(), v4_prefix.end(), bytes.begin());
}

std::optional<ip_address> parse_ip_address(std::string_view text) {
    if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
    text = text.substr(0, text.find('%'));
    if (text.size() > INET6_ADDRSTRLEN) return std::nullopt;
    const std::string terminated(text);
    ip_address result;
    if (inet_pton(AF_INET6, terminated.c_str(), result.bytes.data()) == 1) return result;
    std::ranges::copy(v4_prefix, result.bytes.begin());
    if (inet_pton(AF_INET, terminated.c_str(), result.bytes.data() + v4_prefix.size()) == 1) {
        return result;
    }
    return std::nullopt;
}

std::string to_text(const ip_address& address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    const bool is_v4 = address.is_v4();
    const auto* bytes = address.bytes.data() + (is_v4 ? v4_prefix.size() : 0);
    inet_ntop(is_v4 ? AF_INET : AF_INET6, bytes, text.data(), text.size());
    return text.data();
}

bool ip_network::contains(const ip_address& other) const noexcept {
    for (unsigned bit = 0; bit < prefix; bit += 8) {
        const unsigned count = std::min(prefix - bit, 8U);
        const auto mask = static_cast<std::uint8_t>(0xff00U >> count);
        if (((address.bytes[bit / 8] ^ other.bytes[bit / 8]) & mask) != 0) return false;
    }
    return true;
}

std::optional<ip_network> parse_ip_network(std::string_view text) {
    const auto slash = text.find('/');
    const auto address = parse_ip_address(text.substr(0, slash));
    if (!address) return std::nullopt;
    if (slash == std::string_view::npos) return ip_network{.address = *address};
    const auto digits = text.substr(slash + 1);
    unsigned prefix = 0;
    const auto* const digits_end = digits.data() + digits.size();
    const auto [end, error] = std::from_chars(digits.data(), digits_end, prefix);
    const bool is_v4 = text.substr(0, slash).find(':') == std::string_view::npos;
    if (error != std::errc() || end != digits_end || prefix > (is_v4 ? 32U : 128U)) {
        return std::nullopt;
    }
    if (is_v4) prefix += v4_bits;
    if (has_bits_after(*address, prefix)) return std::nullopt;
    return ip_network{.address = *address, .prefix = prefix};
}

std::string to_text(const ip_network& network) {
    const unsigned prefix = network.prefix - (network.address.is_v4() ? v4_bits : 0);
    return to_text(network.address) + "/" + std::to_string(prefix);
}

}  // namespace base
