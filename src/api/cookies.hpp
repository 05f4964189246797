#pragma once
// The cookies of browser sessions. A page cannot read the tokens; it reads the CSRF token and
// repeats it in the header X-CSRF-Token of each write. Inside api only.

#include <string_view>

#include "app/session_commands.hpp"
#include "http/message.hpp"

namespace api {

// The prefix __Host- keeps other hosts of the domain from setting the cookie.
inline constexpr std::string_view session_cookie = "__Host-dbaas-session";
inline constexpr std::string_view csrf_cookie = "__Host-dbaas-csrf";
inline constexpr std::string_view refresh_cookie = "__Host-dbaas-refresh";
inline constexpr std::string_view csrf_header = "X-CSRF-Token";

// Returns the value of a cookie of the request; empty if there is none.
std::string_view cookie_of(const http::request& request, std::string_view name) noexcept;
// Returns whether the header repeats the CSRF token of the session cookie, or of the CSRF cookie if
// the session cookie has expired.
bool has_csrf_token(const http::request& request);
void add_session_cookies(http::response& response, const app::issued_tokens& tokens);
void delete_session_cookies(http::response& response);

}  // namespace api
