#include "api/cookies.hpp"

#include <fmt/format.h>

#include <array>

#include "base/ascii.hpp"

namespace api {
namespace {

constexpr std::string_view protection = "Secure; SameSite=Strict";

// Compares in a time that depends on the sizes alone.
bool equals_secretly(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size()) return false;
    unsigned difference = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
    }
    return difference == 0;
}

}  // namespace

std::string_view cookie_of(const http::request& request, std::string_view name) noexcept {
    auto rest = request.headers.get("Cookie");
    while (!rest.empty()) {
        // Not at a comma: another host of the domain may set "a=b,__Host-dbaas-session=…".
        const auto end = rest.find(';');
        const auto pair = base::trimmed(rest.substr(0, end));
        const auto equals = pair.find('=');
        if (equals != std::string_view::npos && pair.substr(0, equals) == name) {
            return pair.substr(equals + 1);
        }
        if (end == std::string_view::npos) break;
        rest.remove_prefix(end + 1);
    }
    return {};
}

bool has_csrf_token(const http::request& request) {
    const auto value = request.headers.get(csrf_header);
    if (value.empty()) return false;
    const auto session = cookie_of(request, session_cookie);
    if (session.empty()) return equals_secretly(value, cookie_of(request, csrf_cookie));
    return equals_secretly(value, app::csrf_token_of(session));
}

void add_session_cookies(http::response& response, const app::issued_tokens& tokens) {
    using app::session_commands;
    const auto idle = std::chrono::seconds(session_commands::refresh_idle_max).count();
    const auto& access = tokens.access_token.reveal();
    response.headers.add(
        "Set-Cookie", fmt::format("{}={}; Path=/; Max-Age={}; HttpOnly; {}", session_cookie, access,
                                  tokens.expires_in.count(), protection));
    // With a narrower path it could not have the prefix, and another host of the domain could plant
    // its own refresh token: the next renewal would then start a session of another user.
    response.headers.add("Set-Cookie",
                         fmt::format("{}={}; Path=/; Max-Age={}; HttpOnly; {}", refresh_cookie,
                                     tokens.refresh_token.reveal(), idle, protection));
    response.headers.add("Set-Cookie", fmt::format("{}={}; Path=/; Max-Age={}; {}", csrf_cookie,
                                                   app::csrf_token_of(access), idle, protection));
}

void delete_session_cookies(http::response& response) {
    for (const auto name : {session_cookie, refresh_cookie, csrf_cookie}) {
        response.headers.add("Set-Cookie",
                             fmt::format("{}=; Path=/; Max-Age=0; {}", name, protection));
    }
}

}  // namespace api
