#include "devcluster/apiserver/schema.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace apiserver {
namespace {

const json::object* object_at(const json::object& from, std::string_view key) {
    const auto* value = from.if_contains(key);
    return value == nullptr ? nullptr : value->if_object();
}

bool has_flag(const json::object& schema, std::string_view key) {
    const auto* value = schema.if_contains(key);
    return value != nullptr && value->is_bool() && value->get_bool();
}

std::string join(const std::string& path, std::string_view key) {
    return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

std::string_view type_of(const json::value& value) {
    switch (value.kind()) {
        case json::kind::null:
            return "null";
        case json::kind::bool_:
            return "boolean";
        case json::kind::int64:
        case json::kind::uint64:
            return "integer";
        case json::kind::double_:
            return "number";
        case json::kind::string:
            return "string";
        case json::kind::array:
            return "array";
        case json::kind::object:
            return "object";
    }
    return "";
}

bool fits_type(const json::object& schema, const json::value& value) {
    if (has_flag(schema, "x-kubernetes-int-or-string")) {
        return value.is_string() || value.is_int64() || value.is_uint64();
    }
    const auto* type = schema.if_contains("type");
    if (type == nullptr || !type->is_string()) return true;
    const std::string_view wanted = type->get_string();
    const auto got = type_of(value);
    return wanted == got || (wanted == "number" && got == "integer");
}

cause wrong_type(const json::object& schema, const json::value& value, const std::string& path) {
    const auto* type = schema.if_contains("type");
    const std::string wanted = type != nullptr && type->is_string()
                                   ? std::string(type->get_string())
                                   : "integer or string";
    return {"FieldValueTypeInvalid",
            fmt::format("Invalid value: \"{0}\": {1} in body must be of type {2}: \"{0}\"",
                        type_of(value), path, wanted),
            path};
}

void check_enum(const json::object& schema, const json::value& value, const std::string& path,
                std::vector<cause>& found) {
    const auto* allowed = schema.if_contains("enum");
    if (allowed == nullptr || !allowed->is_array()) return;
    const auto& list = allowed->get_array();
    if (std::ranges::find(list, value) != list.end()) return;
    std::string text;
    for (const auto& each : list) {
        text += (text.empty() ? "" : ", ") + json::serialize(each);
    }
    found.push_back(
        {"FieldValueNotSupported",
         fmt::format("Unsupported value: {}: supported values: {}", json::serialize(value), text),
         path});
}

void check_bounds(const json::object& schema, const json::value& value, const std::string& path,
                  std::vector<cause>& found) {
    if (!value.is_int64()) return;
    const auto* least = schema.if_contains("minimum");
    if (least != nullptr && least->is_int64() && value.get_int64() < least->get_int64()) {
        found.push_back(
            {"FieldValueInvalid",
             fmt::format("Invalid value: {}: {} in body should be greater than or equal "
                         "to {}",
                         value.get_int64(), path, least->get_int64()),
             path});
    }
}

}  // namespace

void set_defaults(const json::object& schema, json::value& value) {
    if (auto* object = value.if_object()) {
        if (const auto* properties = object_at(schema, "properties")) {
            for (const auto& [key, inner] : *properties) {
                const auto& rules = inner.get_object();
                const auto* preset = rules.if_contains("default");
                if (preset != nullptr && !object->contains(key)) object->emplace(key, *preset);
                if (auto* member = object->if_contains(key)) set_defaults(rules, *member);
            }
        }
        if (const auto* rules = object_at(schema, "additionalProperties")) {
            for (auto& [key, member] : *object) set_defaults(*rules, member);
        }
    } else if (auto* array = value.if_array()) {
        if (const auto* rules = object_at(schema, "items")) {
            for (auto& each : *array) set_defaults(*rules, each);
        }
    }
}

std::vector<std::string> prune(const json::object& schema, json::value& value,
                               const std::string& path) {
    std::vector<std::string> dropped;
    const auto add = [&](std::vector<std::string> more) {
        dropped.insert(dropped.end(), more.begin(), more.end());
    };
    if (auto* object = value.if_object()) {
        const auto* properties = object_at(schema, "properties");
        const auto* others = object_at(schema, "additionalProperties");
        const bool keep = has_flag(schema, "x-kubernetes-preserve-unknown-fields");
        std::vector<std::string> unknown;
        for (auto& [key, member] : *object) {
            const auto* rules = properties == nullptr ? nullptr : object_at(*properties, key);
            if (rules == nullptr) rules = others;
            if (rules != nullptr) {
                add(prune(*rules, member, join(path, key)));
            } else if (!keep) {
                unknown.emplace_back(key);
            }
        }
        for (const auto& key : unknown) {
            object->erase(key);
            dropped.push_back(join(path, key));
        }
    } else if (auto* array = value.if_array()) {
        if (const auto* rules = object_at(schema, "items")) {
            for (std::size_t index = 0; index < array->size(); ++index) {
                add(prune(*rules, (*array)[index], fmt::format("{}[{}]", path, index)));
            }
        }
    }
    return dropped;
}

std::vector<cause> validate(const json::object& schema, const json::value& value,
                            const std::string& path) {
    std::vector<cause> found;
    if (!fits_type(schema, value)) return {wrong_type(schema, value, path)};
    check_enum(schema, value, path, found);
    check_bounds(schema, value, path, found);
    const auto add = [&](std::vector<cause> more) {
        std::ranges::move(more, std::back_inserter(found));
    };
    if (const auto* object = value.if_object()) {
        if (const auto* required = schema.if_contains("required")) {
            for (const auto& each : required->get_array()) {
                const std::string_view key = each.get_string();
                if (!object->contains(key)) {
                    found.push_back({"FieldValueRequired", "Required value", join(path, key)});
                }
            }
        }
        const auto* properties = object_at(schema, "properties");
        const auto* others = object_at(schema, "additionalProperties");
        for (const auto& [key, member] : *object) {
            const auto* rules = properties == nullptr ? nullptr : object_at(*properties, key);
            if (rules == nullptr) rules = others;
            if (rules != nullptr) add(validate(*rules, member, join(path, key)));
        }
    } else if (const auto* array = value.if_array()) {
        if (const auto* rules = object_at(schema, "items")) {
            for (std::size_t index = 0; index < array->size(); ++index) {
                add(validate(*rules, (*array)[index], fmt::format("{}[{}]", path, index)));
            }
        }
    }
    return found;
}

}  // namespace apiserver
