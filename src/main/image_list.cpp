#include "main/image_list.hpp"

#include "json/json_access.hpp"
#include "json/json_writer.hpp"

namespace images {
namespace {

void add_members(const json::value& value, std::set<std::string>& out) {
    if (const auto* const items = value.if_array()) {
        for (const auto& item : *items) add_members(item, out);
    }
    const auto* const members = value.if_object();
    if (members == nullptr) return;
    for (const auto& [name, member] : *members) {
        const auto* const text = member.if_string();
        if (name == "image" && text != nullptr && !text->empty()) {
            out.emplace(std::string_view(*text));
        } else {
            add_members(member, out);
        }
    }
}

}  // namespace

void add_images(const json::object& version, bool has_deprecated, std::set<std::string>& out) {
    const auto* const spec = json::object_at(version, "spec");
    if (spec == nullptr) return;
    if (json::flag_at(*spec, "deprecated") && !has_deprecated) return;
    add_members(version.at("spec"), out);
}

std::string in_registry(std::string_view image, std::string_view registry) {
    const auto slash = image.find('/');
    const auto host = slash == std::string_view::npos ? std::string_view() : image.substr(0, slash);
    // The first part is a host if it has a dot or a port, as in the references of Docker.
    const bool has_host = host.find_first_of(".:") != std::string_view::npos || host == "localhost";
    return std::string(registry) + '/' + std::string(has_host ? image.substr(slash + 1) : image);
}

std::string as_text(const std::set<std::string>& images, std::string_view registry) {
    std::string text;
    for (const auto& image : images) {
        text += image;
        if (!registry.empty()) text += ' ' + in_registry(image, registry);
        text += '\n';
    }
    return text;
}

std::string as_json(const std::set<std::string>& images, std::string_view registry) {
    std::string text;
    json::writer out(text);
    out.begin_object().key("images").begin_array();
    for (const auto& image : images) {
        out.begin_object().member("image", image);
        out.member("target", registry.empty() ? image : in_registry(image, registry)).end_object();
    }
    out.end_array().end_object();
    return text + "\n";
}

}  // namespace images
