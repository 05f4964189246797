#include "devcluster/apiserver/service_proxy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "devcluster/apiserver/text.hpp"

namespace apiserver {
namespace {

// Endpoints identify ports by name; a number refers to a port of the Service.
std::string port_name(const json::object& service, const std::string& port) {
    const auto* ports = array_at(object_at(&service, "spec"), "ports");
    if (ports == nullptr || !number(port)) return port;
    for (const auto& each : *ports) {
        const auto* entry = each.if_object();
        const auto* value = entry == nullptr ? nullptr : entry->if_contains("port");
        if (value == nullptr || !value->is_int64()) continue;
        if (std::to_string(value->get_int64()) != port) continue;
        return text_at(*entry, "name");
    }
    return port;
}

// The address of a pod's port, given by number or name. A hostPort replaces the containerPort.
std::optional<host_port> address_of_pod(const json::object& pod, const std::string& port) {
    const auto ip = text_at_path(pod, "status.podIP");
    if (!ip || ip->empty()) return std::nullopt;
    const auto* containers = array_at(object_at(&pod, "spec"), "containers");
    for (std::size_t index = 0; containers != nullptr && index < containers->size(); ++index) {
        const auto* ports = array_at((*containers)[index].if_object(), "ports");
        if (ports == nullptr) continue;
        for (const auto& each : *ports) {
            const auto* entry = each.if_object();
            const auto* inner = entry == nullptr ? nullptr : entry->if_contains("containerPort");
            if (inner == nullptr || !inner->is_int64()) continue;
            const bool fits = port.empty() || port == std::to_string(inner->get_int64()) ||
                              port == text_at(*entry, "name");
            if (!fits) continue;
            const auto* outer = entry->if_contains("hostPort");
            const auto* public_port = outer != nullptr && outer->is_int64() ? outer : inner;
            return host_port{*ip, static_cast<std::uint16_t>(public_port->get_int64())};
        }
    }
    const auto digits = number(port);
    if (!digits || *digits == 0 || *digits > 65535) return std::nullopt;
    return host_port{*ip, static_cast<std::uint16_t>(*digits)};
}

}  // namespace

proxy_name split_proxy_name(std::string_view text) {
    proxy_name parts;
    const auto first = text.find(':');
    const auto second = first == std::string_view::npos ? first : text.find(':', first + 1);
    if (second != std::string_view::npos) {
        parts = {std::string(text.substr(0, first)),
                 std::string(text.substr(first + 1, second - first - 1)),
                 std::string(text.substr(second + 1))};
    } else if (first != std::string_view::npos) {
        parts = {"", std::string(text.substr(0, first)), std::string(text.substr(first + 1))};
    } else {
        parts.name = text;
    }
    return parts;
}

std::variant<proxy_target, status_error> resolve_proxy(const object_store& objects,
                                                       const request_info& info,
                                                       std::mt19937_64& random) {
    const auto wanted = split_proxy_name(info.name);
    const auto object = objects.find(info.type->key(), {info.ns, wanted.name});
    if (!object) return not_found("", info.type->plural, wanted.name);
    if (!wanted.scheme.empty() && wanted.scheme != "http") {
        return unavailable("error trying to reach service: only http backends are served");
    }
    std::vector<host_port> addresses;
    if (info.type->key() == "/services") {
        const auto endpoints = objects.find("/endpoints", {info.ns, wanted.name});
        if (!endpoints) return not_found("", "services", wanted.name);
        addresses = endpoints_of(endpoints->parse(), port_name(object->parse(), wanted.port));
    } else if (const auto address = address_of_pod(object->parse(), wanted.port)) {
        addresses.push_back(*address);
    }
    if (addresses.empty()) {
        return unavailable(fmt::format("no endpoints available for service \"{}\"", info.name));
    }
    const auto& chosen = addresses[random() % addresses.size()];
    std::string target = "/";
    // Encodes the path again as the client sent it; slashes stay.
    for (std::size_t start = 0; start < info.rest.size();) {
        const auto slash = std::min(info.rest.find('/', start), info.rest.size());
        target += http::encode_percent(info.rest.substr(start, slash - start));
        if (slash < info.rest.size()) target += '/';
        start = slash + 1;
    }
    if (!info.raw_query.empty()) target += "?" + info.raw_query;
    return proxy_target{.host = chosen.host, .port = chosen.port, .target = std::move(target)};
}

}  // namespace apiserver
