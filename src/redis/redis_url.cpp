#include "redis/redis_url.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "http/message.hpp"

namespace redis {
namespace {

using base::errc;
using base::fail;
using std::string_view;

constexpr std::uint16_t default_port = 6379;
constexpr std::uint16_t default_sentinel_port = 26379;
constexpr std::size_t servers_max = 64;
constexpr unsigned database_max = 1'000'000;

struct scheme {
    string_view prefix;
    bool is_secure;
    bool is_sentinel;
};
constexpr std::array schemes{scheme{"redis://", false, false}, scheme{"rediss://", true, false},
                             scheme{"redis+sentinel://", false, true},
                             scheme{"rediss+sentinel://", true, true}};

std::unexpected<base::failure> invalid(std::string text) {
    return fail(errc::invalid, "the Redis URL is invalid: " + std::move(text));
}

template <class Number>
std::optional<Number> parse_number(string_view text, Number max) {
    Number value = 0;
    const auto* end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, value);
    if (result.ec != std::errc() || result.ptr != end || value > max) return std::nullopt;
    return value;
}

bool is_host_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           string_view("-._").find(c) != string_view::npos;
}
bool is_address_character(char c) {
    return string_view("0123456789abcdefABCDEF:.").find(c) != string_view::npos;
}

base::outcome<endpoint> parse_server(string_view text, std::size_t position,
                                     std::uint16_t port_of_scheme) {
    endpoint server{.port = port_of_scheme};
    string_view port;
    bool has_port = false;
    if (text.starts_with('[')) {
        const auto end = text.find(']');
        if (end == string_view::npos) {
            return invalid(fmt::format("server {} has '[' without ']'", position));
        }
        server.host = text.substr(1, end - 1);
        const auto rest = text.substr(end + 1);
        if (!rest.empty() && !rest.starts_with(':')) {
            return invalid(fmt::format("server {} has text between ']' and ':'", position));
        }
        has_port = !rest.empty();
        if (has_port) port = rest.substr(1);
        if (server.host.find(':') == std::string::npos ||
            !std::ranges::all_of(server.host, is_address_character)) {
            return invalid(fmt::format("server {} has no IPv6 address in its brackets", position));
        }
    } else {
        const auto colon = text.find(':');
        has_port = colon != string_view::npos;
        server.host = text.substr(0, colon);
        if (has_port) port = text.substr(colon + 1);
        if (server.host.empty()) return invalid(fmt::format("server {} has no host", position));
        if (!std::ranges::all_of(server.host, is_host_character)) {
            return invalid(
                fmt::format("the host of server {} may have letters, digits, '-', '.' and '_'; "
                            "an IPv6 address needs brackets",
                            position));
        }
    }
    if (has_port) {
        const auto number = parse_number<std::uint16_t>(port, 65535);
        if (!number || *number == 0) {
            return invalid(fmt::format("the port of server {} must be 1 to 65535", position));
        }
        server.port = *number;
    }
    return server;
}

base::outcome<void> read_servers(string_view list, std::uint16_t port_of_scheme, redis_url& url) {
    while (true) {
        const auto comma = list.find(',');
        auto server = parse_server(list.substr(0, comma), url.servers.size() + 1, port_of_scheme);
        if (!server) return base::pass(std::move(server));
        url.servers.push_back(std::move(*server));
        if (comma == string_view::npos) return {};
        if (url.servers.size() == servers_max) {
            return invalid(fmt::format("at most {} servers are allowed", servers_max));
        }
        list.remove_prefix(comma + 1);
    }
}

base::outcome<std::string> decode(string_view text, string_view part) {
    // decode_percent() accepts UTF-8 without NUL; both hold for credentials of Redis users.
    auto decoded = http::decode_percent(text, false);
    if (!decoded) return invalid(fmt::format("the {} has an invalid percent escape", part));
    return std::move(*decoded);
}

base::outcome<void> read_credentials(string_view text, redis_url& url) {
    const auto colon = text.find(':');
    if (colon == string_view::npos) {
        return invalid("the credentials must be 'user:password' or ':password'");
    }
    auto user = decode(text.substr(0, colon), "user");
    if (!user) return base::pass(std::move(user));
    auto password = decode(text.substr(colon + 1), "password");
    if (!password) return base::pass(std::move(password));
    if (password->empty()) return invalid("the password is empty");
    url.user = std::move(*user);
    url.password = base::secret(std::move(*password));
    return {};
}

base::outcome<void> read_path(string_view path, bool is_sentinel, redis_url& url) {
    if (is_sentinel) {
        const auto slash = path.find('/');
        auto master = decode(path.substr(0, slash), "name of the master");
        if (!master) return base::pass(std::move(master));
        if (master->empty()) {
            return invalid("the name of the master is missing: redis+sentinel://host/mymaster");
        }
        url.sentinel_master = std::move(*master);
        path = slash == string_view::npos ? string_view() : path.substr(slash + 1);
    }
    if (path.empty()) return {};
    const auto number = parse_number<unsigned>(path, database_max);
    if (!number) return invalid("the database must be a number from 0 to 1000000");
    url.database = *number;
    return {};
}

base::outcome<void> read_query(string_view query, bool is_sentinel, redis_url& url) {
    while (!query.empty()) {
        const auto end = std::min(query.find('&'), query.size());
        const auto pair = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        const auto equals = pair.find('=');
        const auto key = pair.substr(0, equals);
        const bool is_user = key == "sentinel_user";
        if (!is_sentinel || (!is_user && key != "sentinel_password")) {
            return invalid(is_sentinel
                               ? "only the parameters sentinel_user and sentinel_password are known"
                               : "this scheme has no parameters");
        }
        if (equals == string_view::npos) return invalid("a parameter has no value");
        auto value = decode(pair.substr(equals + 1), "value of a parameter");
        if (!value) return base::pass(std::move(value));
        if (is_user) {
            url.sentinel_user = std::move(*value);
        } else {
            url.sentinel_password = base::secret(std::move(*value));
        }
    }
    if (!url.sentinel_user.empty() && url.sentinel_password.empty()) {
        return invalid("sentinel_user requires sentinel_password");
    }
    return {};
}

}  // namespace

std::string to_text(const endpoint& server) {
    const bool is_ipv6 = server.host.find(':') != std::string::npos;
    return is_ipv6 ? fmt::format("[{}]:{}", server.host, server.port)
                   : fmt::format("{}:{}", server.host, server.port);
}

std::string redis_url::masked() const {
    std::string text(is_secure ? "rediss" : "redis");
    if (!sentinel_master.empty()) text += "+sentinel";
    text += "://";
    for (const auto& server : servers) {
        if (&server != &servers.front()) text += ',';
        text += to_text(server);
    }
    if (!sentinel_master.empty()) text += '/' + sentinel_master;
    if (database > 0) text += fmt::format("/{}", database);
    return text;
}

base::outcome<redis_url> parse_redis_url(string_view text) {
    const auto* const used = std::ranges::find_if(
        schemes, [text](const scheme& entry) { return text.starts_with(entry.prefix); });
    if (used == schemes.end()) {
        return invalid(
            "it must start with redis://, rediss://, redis+sentinel:// or rediss+sentinel://");
    }
    text.remove_prefix(used->prefix.size());
    if (text.find_first_of(string_view(" \t\r\n\0", 5)) != string_view::npos) {
        return invalid("it must not contain white space");
    }
    if (text.find('#') != string_view::npos) {
        return invalid("'#' must be percent-encoded as %23");
    }
    const auto authority = text.substr(0, text.find_first_of("/?"));
    auto rest = text.substr(authority.size());
    const auto sign = authority.rfind('@');
    if (rest.find('@') != string_view::npos ||
        (sign != string_view::npos && authority.find('@') != sign)) {
        return invalid("'/', '?', ':' and '@' in a user or password must be percent-encoded");
    }
    redis_url url{.is_secure = used->is_secure};
    base::outcome<void> result;
    if (sign != string_view::npos) result = read_credentials(authority.substr(0, sign), url);
    if (result) {
        const auto servers = sign == string_view::npos ? authority : authority.substr(sign + 1);
        result =
            read_servers(servers, used->is_sentinel ? default_sentinel_port : default_port, url);
    }
    const auto mark = std::min(rest.find('?'), rest.size());
    auto path = rest.substr(0, mark);
    if (path.starts_with('/')) path.remove_prefix(1);
    if (result) result = read_path(path, used->is_sentinel, url);
    if (result && mark < rest.size()) {
        result = read_query(rest.substr(mark + 1), used->is_sentinel, url);
    }
    if (!result) return base::pass(std::move(result));
    return url;
}

}  // namespace redis
