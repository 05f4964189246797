#include "json/json_access.hpp"

#include <utility>

#include "json/json.hpp"

namespace json {

std::optional<value> try_parse(std::string_view text) {
    parse_options options;
    options.max_depth = 128;  // a CRD's schema is deeper than Boost's 32
    boost::system::error_code error;
    auto document = parse(text, error, {}, options);
    if (error) return std::nullopt;
    return document;
}

object parse_object(std::string_view text) {
    auto document = try_parse(text);
    return document && document->is_object() ? std::move(document->get_object()) : object();
}

std::string_view text_at(const object& source, std::string_view key) {
    const auto* value = source.if_contains(key);
    return value && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

std::optional<std::int64_t> number_at(const object& source, std::string_view key) {
    const auto* value = source.if_contains(key);
    return value && value->is_int64() ? std::optional(value->get_int64()) : std::nullopt;
}

const object* object_at(const object& source, std::string_view key) {
    const auto* value = source.if_contains(key);
    return value ? value->if_object() : nullptr;
}

const object* object_at(const object* source, std::string_view key) {
    return source ? object_at(*source, key) : nullptr;
}

const array* array_at(const object* source, std::string_view key) {
    const auto* value = source ? source->if_contains(key) : nullptr;
    return value ? value->if_array() : nullptr;
}

bool flag_at(const object& source, std::string_view key) {
    const auto* value = source.if_contains(key);
    return value && value->is_bool() && value->get_bool();
}

std::string quantity_at(const object& source, std::string_view key) {
    const auto number = number_at(source, key);
    return number ? std::to_string(*number) : std::string(text_at(source, key));
}

const object& object_or_empty(const object& source, std::string_view key) {
    static const object none;
    const auto* member = object_at(source, key);
    return member ? *member : none;
}

const array& array_or_empty(const object& source, std::string_view key) {
    static const array none;
    const auto* member = array_at(&source, key);
    return member ? *member : none;
}

}  // namespace json
