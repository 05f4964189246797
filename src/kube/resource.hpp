#pragma once
// A resource of the API server and its paths. Plain value, pure.

#include <compare>
#include <string>
#include <string_view>

namespace kube {

// A resource as discovery names it. group "" = core.
struct resource {
    std::string group;
    std::string version;
    std::string plural;
    std::string kind;
    bool namespaced = true;
    auto operator<=>(const resource&) const = default;
    // "/apis/kubedb.com/v1/namespaces/shop/postgreses/orders/status"; empty parts are left out.
    [[nodiscard]] std::string path(std::string_view ns = {}, std::string_view name = {},
                                   std::string_view subresource = {}) const;
    [[nodiscard]] std::string api_version() const;  // "kubedb.com/v1", "v1"
};

}  // namespace kube
