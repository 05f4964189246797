#include "api/middleware/allowed_hosts.hpp"

#include <algorithm>

#include "api/middleware/middleware.hpp"
#include "api/problem.hpp"
#include "base/ascii.hpp"

namespace api {

bool is_allowed_host(std::string_view host, std::span<const std::string> allowed) {
    if (allowed.empty()) return true;
    const auto name_end = host.starts_with('[') ? host.find(']') : 0;
    if (name_end == std::string_view::npos) return false;
    const auto name = base::lower(host.substr(0, host.find(':', name_end)));
    return std::ranges::find(allowed, name) != allowed.end();
}

std::optional<http::response> check_host(const http::request& request, request_context& context) {
    if (is_allowed_host(request.headers.get("Host"), context.api.options.hosts)) {
        return std::nullopt;
    }
    return problem(421, "misdirected_request",
                   "unknown Host header; without authentication only local host names are accepted",
                   context.request_id);
}

}  // namespace api
