#include "api/cookies.hpp"
#include "api/limits/client_address.hpp"
#include "api/middleware/credential_query.hpp"
#include "api/middleware/middleware.hpp"
#include "api/problem.hpp"
#include "ports/authenticator.hpp"

namespace api {
namespace {

bool is_write(const http::request& request) noexcept {
    return request.verb != http::method::get && request.verb != http::method::head;
}

using authentication = base::outcome<std::shared_ptr<const domain::principal>>;

// Returns whether the credential is none of a session. A cookie must contain an access token of the
// platform: the holder of another credential is no browser.
bool is_no_session(const authentication& result) noexcept {
    if (result) return !(*result)->credential.starts_with("session:");
    return result.error().cause == ports::authentication_cause::needs_lookup;
}

}  // namespace

std::optional<http::response> authenticate(const http::request& request, request_context& context) {
    if (has_credential(request.query())) {
        return problem(400, "credential_in_query",
                       "a URL must not contain a credential, because logs and histories keep URLs; "
                       "send the header Authorization: Bearer",
                       context.request_id);
    }
    if (context.route->access.is_public()) return std::nullopt;
    auto authorization = request.headers.get("Authorization");
    const auto cookie = authorization.empty() && context.api.options.is_auth_required
                            ? cookie_of(request, session_cookie)
                            : std::string_view();
    base::secret bearer;
    if (!cookie.empty()) {
        if (is_write(request) && !has_csrf_token(request)) {
            return problem(403, "csrf_token_missing",
                           "a write with the session cookie needs the header X-CSRF-Token with the "
                           "value of the cookie __Host-dbaas-csrf",
                           context.request_id);
        }
        bearer = base::secret("Bearer " + std::string(cookie));
        authorization = bearer.reveal();
    }
    if (context.route->id == endpoint::stream) {
        context.authorization = base::secret(std::string(authorization));
    }
    const auto address = client_address(request, context.api.options.limits.trusted_proxies);
    auto principal = context.api.deps.authenticator.authenticate(
        {.authorization = authorization, .client = request.peer, .address = address});
    if (!cookie.empty() && is_no_session(principal)) {
        principal = base::fail(base::errc::denied, "the session cookie contains no access token",
                               "no_session_token");
    }
    if (principal) {
        context.principal = std::move(*principal);
        return std::nullopt;
    }
    if (principal.error().code != base::errc::denied) {
        const bool is_pending =
            principal.error().cause == ports::authentication_cause::needs_lookup;
        // Bounds the calls that an unknown address causes at the other system.
        if (is_pending) {
            if (auto response = check_rate(request, context)) return response;
        }
        context.needs_lookup = is_pending;
        return problem(principal.error(), context.request_id, context.api.deps.log);
    }
    if (auto response = check_rate(request, context)) return response;
    if (!authorization.empty()) {
        context.api.deps.log.info("authentication_rejected", {{"reason", principal.error().reason},
                                                              {"detail", principal.error().text},
                                                              {"address", address},
                                                              {"request_id", context.request_id}});
    }
    const bool is_expired_key = principal.error().reason == "key_expired";
    auto response = problem(401, is_expired_key ? "key_expired" : "unauthenticated",
                            principal.error().text, context.request_id);
    response.headers.add("WWW-Authenticate", "Bearer");
    return response;
}

}  // namespace api
