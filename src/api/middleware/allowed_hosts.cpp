#include "api/middleware/allowed_hosts.hpp"

#include <algorithm>

#include "base/ascii.hpp"

namespace api {

bool is_served_host(std::string_view host, std::span<const std::string> served) {
    if (served.empty()) return true;
    const auto name_end = host.starts_with('[') ? host.find(']') : 0;
    if (name_end == std::string_view::npos) return false;
    const auto name = base::lower(host.substr(0, host.find(':', name_end)));
    return std::ranges::find(served, name) != served.end();
}

}  // namespace api
