#include "api/endpoints/session_endpoints.hpp"

#include <fmt/format.h>

#include "aio/run_on.hpp"
#include "api/cookies.hpp"
#include "api/endpoints/write_endpoints.hpp"
#include "api/json/identity_json.hpp"
#include "api/json/request_json.hpp"
#include "api/middleware/middleware.hpp"
#include "api/problem.hpp"

namespace api {
namespace {

using boost::asio::awaitable;

constexpr std::string_view session_scheme = "session:";

http::response problem_of(const base::failure& failure, const request_context& context) {
    const bool is_unauthenticated =
        failure.reason == "invalid_login" || failure.reason == "invalid_refresh_token";
    if (!is_unauthenticated) return problem(failure, context.request_id, context.api.deps.log);
    return problem(401, failure.reason, failure.text, context.request_id);
}

bool is_for_browser(const request_context& context) noexcept {
    return context.route->id == endpoint::start_browser_session ||
           context.route->id == endpoint::refresh_browser_session;
}

http::response session_response(const app::issued_tokens& tokens, const request_context& context) {
    if (!is_for_browser(context)) return tokens_response(tokens);
    auto response = json_response(http::body(encode_browser_session(tokens)));
    add_session_cookies(response, tokens);
    response.headers.add("Cache-Control", "no-store");
    return response;
}

awaitable<http::response> log_in(request_context& context, std::string_view body) {
    auto wanted = read_login(body);
    if (!wanted) co_return problem_of(wanted.error(), context);
    // A name that does not exist may be a password.
    const bool is_user = context.api.deps.platform.users.users()->contains(wanted->username);
    context.login = is_user ? wanted->username : "unknown";
    if (auto response = co_await check_login_rate(context, wanted->username)) {
        co_return std::move(*response);
    }
    auto& sessions = context.api.deps.platform.sessions;
    const auto tokens = co_await aio::run_on<app::issued_tokens>(context.api.deps.control, [&] {
        return sessions.log_in(std::move(wanted->username), std::move(wanted->password));
    });
    if (!tokens) co_return problem_of(tokens.error(), context);
    co_return session_response(*tokens, context);
}

awaitable<http::response> refresh(request_context& context, base::secret token) {
    auto& sessions = context.api.deps.platform.sessions;
    app::session_owner owner;
    const auto tokens = co_await aio::run_on<app::issued_tokens>(
        context.api.deps.control, [&] { return sessions.refresh(std::move(token), owner); });
    if (!owner.subject.empty()) {
        context.login = owner.subject;
        context.login_method = fmt::format("{}{}", session_scheme, owner.session);
    }
    if (!tokens) {
        context.api.deps.log.info("refresh_rejected", {{"reason", tokens.error().reason},
                                                       {"user", owner.subject},
                                                       {"session", owner.session},
                                                       {"request_id", context.request_id}});
        auto response = problem_of(tokens.error(), context);
        if (is_for_browser(context) && response.status == 401) delete_session_cookies(response);
        co_return response;
    }
    co_return session_response(*tokens, context);
}

awaitable<http::response> refresh_cookies(request_context& context, const http::request& request) {
    if (!has_csrf_token(request)) {
        co_return problem(403, "csrf_token_missing",
                          "the header X-CSRF-Token must have the value of the cookie "
                          "__Host-dbaas-csrf",
                          context.request_id);
    }
    co_return co_await refresh(context,
                               base::secret(std::string(cookie_of(request, refresh_cookie))));
}

awaitable<http::response> log_out(const request_context& context) {
    const auto& credential = context.principal->credential;
    if (!credential.starts_with(session_scheme)) {
        co_return problem(409, "no_session",
                          "the credential belongs to no session; revoke an API key with DELETE "
                          "/api/v1/api-keys/{id}",
                          context.request_id);
    }
    auto& sessions = context.api.deps.platform.sessions;
    const auto ended = co_await aio::run_on<void>(context.api.deps.control, [&] {
        return sessions.end_session(credential.substr(session_scheme.size()));
    });
    if (!ended) co_return problem_of(ended.error(), context);
    http::response response{.status = 204};
    delete_session_cookies(response);
    co_return response;
}

awaitable<http::response> revoke_sessions(const request_context& context) {
    auto& sessions = context.api.deps.platform.sessions;
    const auto ended = co_await aio::run_on<void>(context.api.deps.control, [&] {
        return sessions.end_sessions(context.parameter, context.principal);
    });
    if (!ended) co_return problem_of(ended.error(), context);
    co_return http::response{.status = 204};
}

}  // namespace

http::response tokens_response(const app::issued_tokens& tokens) {
    auto response = json_response(http::body(encode(tokens)));
    response.headers.add("Cache-Control", "no-store");
    return response;
}

std::optional<http::response> respond_from_sessions(const request_context& context,
                                                    const http::request&) {
    if (context.route->id == endpoint::auth_methods) {
        const auto* provider = context.api.deps.provider;
        const auto issuers = provider == nullptr ? std::vector<std::string>() : provider->issuers();
        return json_response(
            http::body(encode_methods(context.api.options.is_auth_required, issuers)));
    }
    if (context.route->id != endpoint::key_set) return std::nullopt;
    auto response =
        json_response(http::body(std::string(*context.api.deps.platform.sessions.key_set())));
    response.headers.add("Cache-Control", "public, max-age=600");
    return response;
}

bool is_session_write(endpoint id) noexcept {
    return id == endpoint::log_in || id == endpoint::refresh_session || id == endpoint::log_out ||
           id == endpoint::revoke_sessions || id == endpoint::start_browser_session ||
           id == endpoint::refresh_browser_session;
}

awaitable<http::response> respond_to_session_write(request_context& context,
                                                   const http::request& request,
                                                   const app::audited& /*act*/) {
    if (context.route->id == endpoint::log_out) co_return co_await log_out(context);
    if (context.route->id == endpoint::revoke_sessions) co_return co_await revoke_sessions(context);
    if (context.route->id == endpoint::refresh_browser_session) {
        co_return co_await refresh_cookies(context, request);
    }
    std::string decompressed;
    if (auto response = decompress(context, request, decompressed)) co_return std::move(*response);
    const std::string_view body = decompressed.empty() ? request.body : decompressed;
    if (context.route->id != endpoint::refresh_session) co_return co_await log_in(context, body);
    auto token = read_refresh(body);
    if (!token) co_return problem_of(token.error(), context);
    co_return co_await refresh(context, std::move(*token));
}

}  // namespace api
