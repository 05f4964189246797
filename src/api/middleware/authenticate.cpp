#include "api/middleware/middleware.hpp"
#include "api/problem.hpp"
#include "ports/authenticator.hpp"

namespace api {

std::optional<http::response> authenticate(const http::request& request, request_context& context) {
    if (context.route->access.is_public()) return std::nullopt;
    auto principal = context.api.deps.authenticator.authenticate(
        {.authorization = request.headers.get("Authorization"), .client = request.peer});
    if (principal) {
        context.principal = std::move(*principal);
        return std::nullopt;
    }
    if (principal.error().code != base::errc::denied) {
        return problem(principal.error(), context.request_id, context.api.deps.log);
    }
    auto response = problem(401, "unauthenticated", principal.error().text, context.request_id);
    response.headers.add("WWW-Authenticate", "Bearer");
    return response;
}

}  // namespace api
