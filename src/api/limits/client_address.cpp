#include "api/limits/client_address.hpp"

#include <algorithm>
#include <optional>

#include "base/ascii.hpp"

namespace api {
namespace {

// Removes the port of "192.0.2.1:4711" or "[2001:db8::1]:4711".
std::string_view without_port(std::string_view text) noexcept {
    if (text.starts_with('[')) {
        const auto end = text.find(']');
        return end == std::string_view::npos ? text : text.substr(1, end - 1);
    }
    const auto colon = text.rfind(':');
    const bool has_port = colon != std::string_view::npos && text.find(':') == colon;
    return has_port ? text.substr(0, colon) : text;
}

// The peer of a connection is ADDRESS:PORT, and an IPv6 address may lack its brackets.
std::string_view address_of_peer(std::string_view peer) noexcept {
    if (peer.starts_with('[')) return without_port(peer);
    return peer.substr(0, peer.rfind(':'));
}

bool is_trusted(const base::ip_address& address, std::span<const base::ip_network> proxies) {
    return std::ranges::any_of(
        proxies, [&](const base::ip_network& network) { return network.contains(address); });
}

}  // namespace

std::string client_address(const http::request& request,
                           std::span<const base::ip_network> trusted_proxies) {
    const auto peer = address_of_peer(request.peer);
    if (trusted_proxies.empty()) return std::string(peer);
    auto client = base::parse_ip_address(peer);
    if (!client || !is_trusted(*client, trusted_proxies)) return std::string(peer);
    std::string chain;
    for (const auto& header : request.headers.items()) {
        if (!base::equals_ignore_case(header.name, "X-Forwarded-For")) continue;
        chain.append(chain.empty() ? "" : ",").append(header.value);
    }
    std::string_view rest = chain;
    while (!rest.empty()) {
        const auto comma = rest.rfind(',');
        const auto entry = rest.substr(comma == std::string_view::npos ? 0 : comma + 1);
        const auto address = base::parse_ip_address(without_port(base::trimmed(entry)));
        if (!address) break;
        client = address;
        if (!is_trusted(*address, trusted_proxies)) break;
        rest = rest.substr(0, comma == std::string_view::npos ? 0 : comma);
    }
    return base::to_text(*client);
}

std::string client_network(std::string_view address) {
    auto parsed = base::parse_ip_address(address);
    if (!parsed) return std::string(address);
    if (!parsed->is_v4()) std::fill(parsed->bytes.begin() + 8, parsed->bytes.end(), 0);
    return base::to_text(*parsed);
}

}  // namespace api
