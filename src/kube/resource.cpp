#include "kube/resource.hpp"

#include <fmt/format.h>

#include "http/message.hpp"

namespace kube {

std::string resource::path(std::string_view ns, std::string_view name,
                           std::string_view subresource) const {
    std::string text = group.empty() ? fmt::format("/api/{}", version)
                                     : fmt::format("/apis/{}/{}", group, version);
    if (!ns.empty()) text += "/namespaces/" + http::encode_percent(ns);
    text += '/';
    text += plural;
    if (!name.empty()) {
        text += '/';
        text += http::encode_percent(name);
    }
    if (!subresource.empty()) {
        text += '/';
        text += subresource;
    }
    return text;
}

std::string resource::api_version() const {
    return group.empty() ? version : fmt::format("{}/{}", group, version);
}

}  // namespace kube
