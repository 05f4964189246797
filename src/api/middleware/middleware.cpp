#include "api/middleware/middleware.hpp"

#include <array>

namespace api {

std::optional<http::response> run_middleware(const http::request& request,
                                             request_context& context) {
    constexpr std::array<middleware, 10> chain{
        check_origin, check_host,   find_route,  authenticate,       check_rate,
        authorize,    check_accept, check_query, check_content_type, check_content_encoding};
    for (const auto step : chain) {
        if (auto response = step(request, context)) return response;
    }
    return std::nullopt;
}

}  // namespace api
