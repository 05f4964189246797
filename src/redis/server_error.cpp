#include "redis/server_error.hpp"

#include <array>
#include <charconv>
#include <string>
#include <utility>

namespace redis {
namespace {

using base::errc;
using std::string_view;

constexpr std::size_t text_bytes_max = 200;

// Redis has one word in front of most errors. "ERR" is shared by several.
constexpr std::array words{std::pair{string_view("MOVED"), error_kind::moved},
                           std::pair{string_view("ASK"), error_kind::ask},
                           std::pair{string_view("TRYAGAIN"), error_kind::try_again},
                           std::pair{string_view("CLUSTERDOWN"), error_kind::cluster_down},
                           std::pair{string_view("LOADING"), error_kind::loading},
                           std::pair{string_view("BUSY"), error_kind::loading},
                           std::pair{string_view("READONLY"), error_kind::read_only},
                           std::pair{string_view("MASTERDOWN"), error_kind::master_down},
                           std::pair{string_view("NOREPLICAS"), error_kind::no_replicas},
                           std::pair{string_view("NOAUTH"), error_kind::denied},
                           std::pair{string_view("DENIED"), error_kind::denied},
                           std::pair{string_view("WRONGPASS"), error_kind::denied},
                           std::pair{string_view("NOPERM"), error_kind::denied},
                           std::pair{string_view("OOM"), error_kind::out_of_memory},
                           std::pair{string_view("NOSCRIPT"), error_kind::no_script},
                           std::pair{string_view("WRONGTYPE"), error_kind::wrong_type}};

string_view first_word(string_view text) {
    return text.substr(0, text.find(' '));
}

// Parses "MOVED 3999 127.0.0.1:6381". An IPv6 address has no brackets, so the last colon counts.
std::optional<endpoint> parse_target(string_view text, const endpoint& source) {
    const auto slot = text.find(' ');
    if (slot == string_view::npos) return std::nullopt;
    const auto address_start = text.find(' ', slot + 1);
    if (address_start == string_view::npos) return std::nullopt;
    const auto address = first_word(text.substr(address_start + 1));
    const auto colon = address.rfind(':');
    if (colon == string_view::npos) return std::nullopt;
    auto host = address.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    const auto digits = address.substr(colon + 1);
    endpoint target{.host = host.empty() ? source.host : std::string(host)};
    const auto* end = digits.data() + digits.size();
    const auto result = std::from_chars(digits.data(), end, target.port);
    if (result.ec != std::errc() || result.ptr != end || target.port == 0) return std::nullopt;
    return target;
}

}  // namespace

server_error read_server_error(string_view text, const endpoint& source) {
    const auto word = first_word(text);
    for (const auto& [name, kind] : words) {
        if (word != name) continue;
        if (kind != error_kind::moved && kind != error_kind::ask) return {.kind = kind};
        auto target = parse_target(text, source);
        if (!target) return {};
        return {.kind = kind, .target = std::move(target)};
    }
    // Proxies spell it in several ways: "ERR unknown command", "ERR unsupported command".
    const bool is_unknown = text.find("unknown command") != string_view::npos ||
                            text.find("unknown subcommand") != string_view::npos ||
                            text.find("Unknown subcommand") != string_view::npos ||
                            text.find("nsupported command") != string_view::npos;
    return {.kind = is_unknown ? error_kind::unknown_command : error_kind::other};
}

base::failure to_failure(string_view text, const server_error& error) {
    // "ERR unknown command 'X', with args beginning with: 'password'"
    text = text.substr(0, text.find(", with args"));
    text = text.substr(0, text_bytes_max);
    base::failure failure{.code = errc::unavailable,
                          .text = "Redis rejected the command: " + std::string(text)};
    if (error.kind == error_kind::denied) failure.code = errc::denied;
    if (error.kind == error_kind::unknown_command) failure.code = errc::unsupported;
    if (error.kind == error_kind::no_script) failure.code = errc::not_found;
    if (error.kind == error_kind::wrong_type) failure.code = errc::corrupt;
    failure.set_cause(failure_cause::rejected);
    return failure;
}

string_view name(failure_cause cause) noexcept {
    switch (cause) {
        case failure_cause::not_sent:
            return "not_sent";
        case failure_cause::unconfirmed_write:
            return "unconfirmed_write";
        case failure_cause::rejected:
            return "rejected";
    }
    return "";
}

}  // namespace redis
