#include "devcluster/apiserver/text.hpp"

#include <algorithm>
#include <charconv>

namespace apiserver {
namespace {

const json::object* metadata_if(const json::object& object) {
    return object_at(&object, "metadata");
}

bool is_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

}  // namespace

std::string text_at(const json::object& object, std::string_view key) {
    return std::string(json::text_at(object, key));
}

std::optional<std::string> text_at_path(const json::object& object, std::string_view path) {
    const json::object* now = &object;
    while (now != nullptr) {
        const auto dot = path.find('.');
        if (dot == std::string_view::npos) {
            const auto* value = now->if_contains(path);
            if (value == nullptr || !value->is_string()) return std::nullopt;
            return std::string(value->get_string());
        }
        now = object_at(now, path.substr(0, dot));
        path.remove_prefix(dot + 1);
    }
    return std::nullopt;
}

std::string meta(const json::object& object, std::string_view key) {
    const auto* metadata = metadata_if(object);
    return metadata == nullptr ? "" : text_at(*metadata, key);
}

json::object& metadata_of(json::object& object) {
    auto& value = object["metadata"];
    return value.is_object() ? value.get_object() : value.emplace_object();
}

std::vector<std::string> owners_of(const json::object& object) {
    std::vector<std::string> uids;
    const auto* owners = array_at(metadata_if(object), "ownerReferences");
    if (owners == nullptr) return uids;
    for (const auto& each : *owners) {
        const auto* uid = each.is_object() ? each.get_object().if_contains("uid") : nullptr;
        if (uid != nullptr && uid->is_string()) uids.emplace_back(uid->get_string());
    }
    return uids;
}

bool has_finalizers(const json::object& object) {
    const auto* list = array_at(metadata_if(object), "finalizers");
    return list != nullptr && !list->empty();
}

std::vector<host_port> endpoints_of(const json::object& endpoints, std::string_view port) {
    std::vector<host_port> result;
    const auto* subsets = array_at(&endpoints, "subsets");
    if (subsets == nullptr) return result;
    for (const auto& subset : *subsets) {
        const auto* addresses = array_at(subset.if_object(), "addresses");
        const auto* ports = array_at(subset.if_object(), "ports");
        if (addresses == nullptr || ports == nullptr) continue;
        for (const auto& each : *ports) {
            const auto* object = each.if_object();
            const auto* value = object == nullptr ? nullptr : object->if_contains("port");
            if (value == nullptr || !value->is_int64()) continue;
            const auto digits = std::to_string(value->get_int64());
            if (!port.empty() && digits != port && text_at(*object, "name") != port) continue;
            for (const auto& address : *addresses) {
                if (!address.is_object()) continue;
                auto ip = text_at(address.get_object(), "ip");
                if (ip.empty()) continue;
                result.push_back({std::move(ip), static_cast<std::uint16_t>(value->get_int64())});
            }
        }
    }
    return result;
}

bool is_label(std::string_view name) {
    return !name.empty() && name.size() <= 63 && is_alphanumeric(name.front()) &&
           is_alphanumeric(name.back()) &&
           std::ranges::all_of(name, [](char c) { return is_alphanumeric(c) || c == '-'; });
}

bool is_dns_1035(std::string_view name) {
    return is_label(name) && name.front() >= 'a';
}

bool is_subdomain(std::string_view name) {
    if (name.empty() || name.size() > 253) return false;
    while (true) {
        const auto dot = name.find('.');
        const auto part = name.substr(0, dot);
        const bool fits =
            !part.empty() && is_alphanumeric(part.front()) && is_alphanumeric(part.back()) &&
            std::ranges::all_of(part, [](char c) { return is_alphanumeric(c) || c == '-'; });
        if (!fits) return false;
        if (dot == std::string_view::npos) return true;
        name.remove_prefix(dot + 1);
    }
}

std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace apiserver
