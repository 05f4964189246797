#pragma once
// IP addresses and networks in CIDR notation. An IPv4 address equals its IPv4-mapped IPv6 address.
// Pure.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace base {

// 16 bytes in network order. IPv4 is ::ffff:a.b.c.d.
struct ip_address {
    std::array<std::uint8_t, 16> bytes{};
    [[nodiscard]] bool is_v4() const noexcept;
    auto operator<=>(const ip_address&) const = default;
};
// Parses an address without a port, such as "10.0.0.7" or "2001:db8::1", also in brackets and with
// a zone. Returns nullopt for any other text.
std::optional<ip_address> parse_ip_address(std::string_view text);
// Returns the shortest spelling, "10.0.0.7" or "2001:db8::1".
std::string to_text(const ip_address& address);

struct ip_network {
    ip_address address;  // the bits after the prefix are 0
    unsigned prefix = 128;
    [[nodiscard]] bool contains(const ip_address& other) const noexcept;
    bool operator==(const ip_network&) const = default;
};
// Parses "10.0.0.0/8", "2001:db8::/32", or an address, which is a network of one. Returns nullopt
// if a bit after the prefix is set, and for any other text.
std::optional<ip_network> parse_ip_network(std::string_view text);
// Returns the text in CIDR notation, also for a network of one address.
std::string to_text(const ip_network& network);

}  // namespace base
