#include "kube/json_text.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/parse_options.hpp>

namespace kube {

namespace json = boost::json;

std::optional<json::value> parse_json(std::string_view text) {
    json::parse_options options;
    options.max_depth = 128;  // a CRD's schema is deeper than Boost's 32
    boost::system::error_code error;
    auto document = json::parse(text, error, {}, options);
    if (error) return std::nullopt;
    return document;
}

std::string_view text_at(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    return value && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

std::optional<std::int64_t> number_at(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    return value && value->is_int64() ? std::optional(value->get_int64()) : std::nullopt;
}

const json::object* object_at(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    return value ? value->if_object() : nullptr;
}

bool flag_at(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    return value && value->is_bool() && value->get_bool();
}

std::string quantity_at(const json::object& object, std::string_view key) {
    const auto number = number_at(object, key);
    return number ? std::to_string(*number) : std::string(text_at(object, key));
}

const json::object& object_or_empty(const json::object& object, std::string_view key) {
    static const json::object none;
    const auto* member = object_at(object, key);
    return member ? *member : none;
}

const json::array& array_or_empty(const json::object& object, std::string_view key) {
    static const json::array none;
    const auto* value = object.if_contains(key);
    return value && value->is_array() ? value->get_array() : none;
}

}  // namespace kube
