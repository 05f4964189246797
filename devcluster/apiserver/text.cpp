#include "devcluster/apiserver/text.hpp"

#include <algorithm>

namespace apiserver {
namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

const json::object* metadata_if(const json::object& object) {
    const auto* value = object.if_contains("metadata");
    return value == nullptr ? nullptr : value->if_object();
}

const json::array* array_at(const json::object* from, std::string_view key) {
    const auto* value = from == nullptr ? nullptr : from->if_contains(key);
    return value == nullptr ? nullptr : value->if_array();
}

}  // namespace

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    }
    return result;
}

std::string base64(std::string_view bytes) {
    std::string text;
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        std::uint32_t group = 0;
        const auto size = std::min<std::size_t>(3, bytes.size() - at);
        for (std::size_t index = 0; index < 3; ++index) {
            group =
                group << 8 | (index < size ? static_cast<unsigned char>(bytes[at + index]) : 0U);
        }
        for (std::size_t index = 0; index < 4; ++index) {
            text += index <= size ? alphabet[group >> (18 - 6 * index) & 63U] : '=';
        }
    }
    return text;
}

std::optional<std::string> from_base64(std::string_view text) {
    std::string bytes;
    std::uint32_t group = 0;
    int bits = 0;
    for (const char c : text) {
        if (c == '=') break;
        const auto value = alphabet.find(c == '-' ? '+' : c == '_' ? '/' : c);
        if (value == std::string_view::npos) return std::nullopt;
        group = group << 6 | static_cast<std::uint32_t>(value);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes += static_cast<char>(group >> bits & 255U);
        }
    }
    return bytes;
}

std::string meta(const json::object& object, std::string_view key) {
    const auto* metadata = metadata_if(object);
    const auto* value = metadata == nullptr ? nullptr : metadata->if_contains(key);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
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

std::optional<host_port> endpoint_of(const json::object& endpoints, std::string_view port) {
    const auto* subsets = array_at(&endpoints, "subsets");
    if (subsets == nullptr) return std::nullopt;
    for (const auto& subset : *subsets) {
        const auto* addresses = array_at(subset.if_object(), "addresses");
        const auto* ports = array_at(subset.if_object(), "ports");
        if (addresses == nullptr || addresses->empty() || ports == nullptr) continue;
        for (const auto& each : *ports) {
            const auto* object = each.if_object();
            if (object == nullptr) continue;
            const auto* name = object->if_contains("name");
            const auto* number = object->if_contains("port");
            if (number == nullptr || !number->is_int64()) continue;
            const bool fits = port.empty() || std::to_string(number->get_int64()) == port ||
                              (name != nullptr && name->is_string() && name->get_string() == port);
            const auto* ip = addresses->front().is_object()
                                 ? addresses->front().get_object().if_contains("ip")
                                 : nullptr;
            if (!fits || ip == nullptr || !ip->is_string()) continue;
            return host_port{std::string(ip->get_string()),
                             static_cast<std::uint16_t>(number->get_int64())};
        }
    }
    return std::nullopt;
}

bool is_object_name(std::string_view name) {
    const auto is_end = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
    if (name.empty() || name.size() > 253 || !is_end(name.front()) || !is_end(name.back())) {
        return false;
    }
    return std::ranges::all_of(name, [&](char c) { return is_end(c) || c == '-' || c == '.'; });
}

}  // namespace apiserver
