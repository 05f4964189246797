#include "devcluster/apiserver/request_info.hpp"

#include "devcluster/apiserver/api_discovery.hpp"

namespace apiserver {
namespace {

std::string verb_of(http::method verb, const request_info& info) {
    if (info.subresource == "proxy") return "proxy";
    switch (verb) {
        case http::method::get:
            if (info.flag("watch")) return "watch";
            return info.name.empty() ? "list" : "get";
        case http::method::post:
            return "create";
        case http::method::put:
            return "update";
        case http::method::patch:
            return "patch";
        case http::method::del:
            return info.name.empty() ? "deletecollection" : "delete";
        default:
            return "other";
    }
}

}  // namespace

std::string_view request_info::option(std::string_view wanted) const {
    const auto it = query.find(wanted);
    return it == query.end() ? std::string_view() : std::string_view(it->second);
}

bool request_info::flag(std::string_view wanted) const {
    const auto value = option(wanted);
    return value == "true" || value == "1";
}

std::string request_info::resource() const {
    if (!type) return {};
    return subresource.empty() ? type->plural : type->plural + "/" + subresource;
}

base::outcome<request_info> parse_request(const type_table& types, const http::request& incoming) {
    auto path = http::decode_percent(incoming.path(), false);
    auto items = http::parse_query(incoming.query());
    if (!path || !items) {
        return base::fail(base::errc::invalid, "the request target cannot be decoded");
    }
    request_info info{
        .verb = "discovery", .path = std::move(*path), .raw_query = std::string(incoming.query())};
    for (auto& item : *items) info.query.emplace(std::move(item.name), std::move(item.value));
    const auto parts = segments(info.path);
    std::size_t index = 0;
    std::string_view group;
    if (parts.size() >= 3 && parts[0] == "api") {
        index = 1;
    } else if (parts.size() >= 4 && parts[0] == "apis") {
        group = parts[1];
        index = 2;
    } else {
        return info;
    }
    const auto version = parts[index++];
    // /namespaces/NAME is the Namespace object, /namespaces/NAME/RESOURCE... is inside the
    // namespace.
    const bool inside =
        parts[index] == "namespaces" && parts.size() > index + 2 &&
        (!group.empty() || parts[index + 2] != "status" || parts.size() != index + 3);
    if (inside) {
        info.ns = parts[index + 1];
        index += 2;
    }
    auto type = types.find(group, version, parts[index]);
    if (!type || (inside && !type->namespaced)) return info;
    if (parts.size() > index + 1) info.name = parts[index + 1];
    if (parts.size() > index + 2) info.subresource = parts[index + 2];
    const bool is_proxy =
        info.subresource == "proxy" && (type->key() == "/services" || type->key() == "/pods");
    const bool is_status = info.subresource == "status" && type->has_status;
    if (!info.subresource.empty() && !is_proxy && !is_status) return info;
    if (parts.size() > index + 3) {
        if (!is_proxy) return info;
        const auto rest_start =
            static_cast<std::size_t>(parts[index + 3].data() - info.path.data());
        info.rest = info.path.substr(rest_start);
    }
    if (!info.name.empty() && type->namespaced && !inside) return info;
    info.type = std::move(type);
    info.verb = verb_of(incoming.verb, info);
    return info;
}

}  // namespace apiserver
