#include "api/endpoints/oidc_endpoints.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "aio/run_on.hpp"
#include "api/cookies.hpp"
#include "api/endpoints/session_endpoints.hpp"
#include "api/endpoints/write_endpoints.hpp"
#include "api/json/identity_json.hpp"
#include "api/json/request_json.hpp"
#include "api/middleware/middleware.hpp"
#include "api/problem.hpp"
#include "api/request_query.hpp"
#include "app/identity/external_login.hpp"

namespace api {
namespace {

using boost::asio::awaitable;

constexpr std::size_t cookie_bytes_max = 1024;
constexpr std::size_t return_path_max = 512;
constexpr std::string_view home_path = "/";

// The part of a login that the browser keeps until the callback.
struct login_cookie {
    base::secret pre_login{};
    std::string return_path{home_path};
};

// A browser takes a cookie with the prefix __Host- from this host over TLS alone, so that another
// host of the domain cannot plant one.
std::string cookie_name(const request_context& context) {
    return context.api.options.is_public_url_secure ? "__Host-dbaas-login" : "dbaas-login";
}

// A browser sends the cookie with the callback, which another site starts (SameSite=Lax).
std::string text_of_cookie(const request_context& context, std::string_view value, int seconds) {
    auto text = fmt::format("{}={}; Path=/; HttpOnly; SameSite=Lax; Max-Age={}",
                            cookie_name(context), value, seconds);
    if (context.api.options.is_public_url_secure) text += "; Secure";
    return text;
}

std::string text_of_cookie(const request_context& context, const login_cookie& cookie,
                           int seconds) {
    const auto value = fmt::format("{}~{}", cookie.pre_login.reveal(), cookie.return_path);
    return text_of_cookie(context, value, seconds);
}

// Returns whether a browser stays at this platform if it goes to the path, and whether a cookie can
// contain it. A browser reads "//" and "/\\" as the beginning of another host. A proxy may make one
// of them when it removes dot segments or decodes the path.
bool is_local_path(std::string_view path) noexcept {
    if (!path.starts_with('/') || path.size() > return_path_max) return false;
    const auto segments = path.substr(0, path.find_first_of("?#"));
    if (segments.contains("//") || segments.contains("/.") || segments.contains('%')) return false;
    return std::ranges::all_of(path, [](char c) {
        return c > ' ' && c <= '~' && c != '\\' && c != '"' && c != ',' && c != ';';
    });
}

login_cookie read_cookie(const request_context& context, const http::request& request) {
    const auto value = cookie_of(request, cookie_name(context));
    if (value.size() > cookie_bytes_max) return {};
    const auto sign = value.find('~');
    login_cookie cookie{.pre_login = base::secret(std::string(value.substr(0, sign)))};
    if (sign == std::string_view::npos) return cookie;
    const auto path = value.substr(sign + 1);
    if (is_local_path(path)) cookie.return_path = std::string(path);
    return cookie;
}

http::response no_issuer(const request_context& context, std::string_view name) {
    return problem(404, "not_found",
                   name.empty() ? std::string("there is no issuer; see GET /api/v1/auth/methods")
                                : "there is no issuer '" + std::string(name) + "'",
                   context.request_id);
}

// A failed login is a 401. The errors of a device grant are a 400 with the codes of RFC 8628, and
// so is a callback that was used before.
http::response failed_login(const base::failure& failure, const request_context& context,
                            unsigned status) {
    if (failure.code != base::errc::denied) {
        return problem(failure, context.request_id, context.api.deps.log);
    }
    context.api.deps.log.warning("login_failed",
                                 {{"request_id", context.request_id}, {"reason", failure.reason}});
    if (failure.reason == ports::login_used_reason) status = 400;
    return problem(status, failure.reason, failure.text, context.request_id);
}

// Returns the path to which the browser goes after the login.
base::outcome<std::string> read_return_path(const http::request& request) {
    constexpr std::array<query_parameter, 1> known{{{.name = "return_to"}}};
    auto items = read_query(request.query(), known);
    if (!items) return base::pass(std::move(items));
    if (items->empty()) return std::string(home_path);
    auto path = std::move(items->front().value);
    if (is_local_path(path)) return path;
    return bad_request(fmt::format(
        "return_to: must be a path of this platform, such as /docs, of at most {} characters",
        return_path_max));
}

awaitable<http::response> start_login(const request_context& context,
                                      const http::request& request) {
    auto path = read_return_path(request);
    if (!path) co_return problem(path.error(), context.request_id, context.api.deps.log);
    auto* provider = context.api.deps.provider;
    if (provider == nullptr) co_return no_issuer(context, context.parameter);
    auto begun = co_await aio::run_on<ports::login_start>(
        context.api.deps.control, [&] { return provider->start_login(context.parameter); });
    if (!begun) co_return failed_login(begun.error(), context, 401);
    constexpr int lifetime_seconds = 600;
    const login_cookie cookie{.pre_login = std::move(begun->pre_login),
                              .return_path = std::move(*path)};
    http::response response{.status = 303};
    response.headers.add("Location", begun->url);
    response.headers.add("Set-Cookie", text_of_cookie(context, cookie, lifetime_seconds));
    response.headers.add("Cache-Control", "no-store");
    co_return response;
}

// Further parameters of issuers, such as session_state, are not errors.
base::outcome<ports::login_callback> read_callback(const http::request& request) {
    auto items = http::parse_query(request.query());
    if (!items) return bad_request("the query of the callback is malformed");
    ports::login_callback callback;
    std::array<bool, 4> is_seen{};
    for (auto& [name, value] : *items) {
        constexpr std::array<std::string_view, 4> names{"code", "state", "iss", "error"};
        const auto known = std::ranges::find(names, name);
        if (known == names.end()) continue;
        const auto index = static_cast<std::size_t>(known - names.begin());
        if (std::exchange(is_seen[index], true)) {
            return bad_request(std::string(name) + ": given twice");
        }
        switch (index) {
            case 0:
                callback.code = base::secret(std::move(value));
                break;
            case 1:
                callback.state = std::move(value);
                break;
            case 2:
                callback.issuer = std::move(value);
                break;
            default:
                callback.error = std::move(value);
        }
    }
    return callback;
}

awaitable<base::outcome<app::issued_tokens>> log_in(request_context& context,
                                                    ports::external_user user) {
    context.login = user.subject;
    context.login_method = user.method;
    auto& logins = *context.api.deps.logins;
    co_return co_await aio::run_on<app::issued_tokens>(
        context.api.deps.control, [&] { return logins.log_in(std::move(user)); });
}

// The browser gets the tokens in cookies and goes to the path that it asked for at the start.
awaitable<http::response> start_browser_session(request_context& context, ports::external_user user,
                                                const std::string& return_path) {
    const auto tokens = co_await log_in(context, std::move(user));
    if (!tokens) co_return failed_login(tokens.error(), context, 401);
    http::response response{.status = 303};
    response.headers.add("Location", return_path);
    add_session_cookies(response, *tokens);
    co_return response;
}

awaitable<http::response> finish_login(request_context& context, const http::request& request) {
    auto* provider = context.api.deps.provider;
    if (provider == nullptr) co_return no_issuer(context, context.parameter);
    auto callback = read_callback(request);
    if (!callback) {
        co_return problem(callback.error(), context.request_id, context.api.deps.log);
    }
    auto cookie = read_cookie(context, request);
    callback->pre_login = std::move(cookie.pre_login);
    auto user = co_await aio::run_on<ports::external_user>(context.api.deps.control, [&] {
        return provider->finish_login(context.parameter, std::move(*callback));
    });
    auto response =
        user ? co_await start_browser_session(context, std::move(*user), cookie.return_path)
             : failed_login(user.error(), context, 401);
    response.headers.add("Set-Cookie", text_of_cookie(context, std::string_view(), 0));
    response.headers.set("Cache-Control", "no-store");
    response.headers.add("Referrer-Policy", "no-referrer");  // the URL contains the code
    co_return response;
}

// Returns the named issuer, or the first one.
std::string issuer_of(const ports::identity_provider& provider,
                      const std::optional<std::string>& name) {
    if (name) return *name;
    const auto names = provider.issuers();
    return names.empty() ? std::string() : names.front();
}

awaitable<http::response> start_device(const request_context& context, std::string_view body) {
    const auto wanted = read_device(body.empty() ? "{}" : body);
    if (!wanted) co_return problem(wanted.error(), context.request_id, context.api.deps.log);
    auto* provider = context.api.deps.provider;
    if (provider == nullptr) co_return no_issuer(context, "");
    const auto issuer = issuer_of(*provider, wanted->issuer);
    const auto begun = co_await aio::run_on<ports::device_start>(
        context.api.deps.control, [&] { return provider->start_device(issuer); });
    if (!begun) co_return failed_login(begun.error(), context, 400);
    auto response = json_response(http::body(encode(*begun, issuer)));
    response.headers.add("Cache-Control", "no-store");
    co_return response;
}

awaitable<http::response> finish_device(request_context& context, std::string_view body) {
    const auto wanted = read_device_token(body);
    if (!wanted) co_return problem(wanted.error(), context.request_id, context.api.deps.log);
    auto* provider = context.api.deps.provider;
    if (provider == nullptr) co_return no_issuer(context, "");
    const auto issuer = issuer_of(*provider, wanted->issuer);
    auto user = co_await aio::run_on<ports::external_user>(context.api.deps.control, [&] {
        return provider->finish_device(issuer, *wanted->device_code);
    });
    if (!user) co_return failed_login(user.error(), context, 400);
    const auto tokens = co_await log_in(context, std::move(*user));
    if (!tokens) co_return failed_login(tokens.error(), context, 401);
    co_return tokens_response(*tokens);
}

}  // namespace

bool is_oidc_login(endpoint id) noexcept {
    return id == endpoint::finish_oidc_login || id == endpoint::start_device_login ||
           id == endpoint::finish_device_login;
}

awaitable<http::response> respond_with_redirect(const request_context& context,
                                                const http::request& request) {
    co_return co_await start_login(context, request);
}

awaitable<http::response> respond_to_oidc_login(request_context& context,
                                                const http::request& request,
                                                const app::audited& /*act*/) {
    if (context.route->id == endpoint::finish_oidc_login) {
        co_return co_await finish_login(context, request);
    }
    std::string decompressed;
    if (auto response = decompress(context, request, decompressed)) co_return std::move(*response);
    const std::string_view body = decompressed.empty() ? request.body : decompressed;
    if (context.route->id == endpoint::start_device_login) {
        co_return co_await start_device(context, body);
    }
    co_return co_await finish_device(context, body);
}

}  // namespace api
