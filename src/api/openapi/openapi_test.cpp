#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "api/api.hpp"
#include "json/json.hpp"

namespace {

using visitor = std::function<void(const json::object&, const std::string& pointer)>;

// Calls `visitor` for every object of the document.
void visit(const json::value& value, const std::string& pointer, const visitor& visitor) {
    if (const auto* object = value.if_object()) {
        visitor(*object, pointer);
        for (const auto& [name, member] : *object) {
            visit(member, pointer + "/" + std::string(name), visitor);
        }
    } else if (const auto* list = value.if_array()) {
        for (std::size_t i = 0; i < list->size(); ++i) {
            visit((*list)[i], pointer + "/" + std::to_string(i), visitor);
        }
    }
}

const json::value& document() {
    static const auto value = json::parse(api::openapi_document());
    return value;
}

const json::object& schemas() {
    return document().at("components").at("schemas").as_object();
}

// ogen supports anyOf only for null, and openapi-generator writes an empty class for a named one.
TEST(openapi_document, uses_any_of_only_for_null_and_not_in_named_schemas) {
    visit(document(), "", [](const json::object& object, const std::string& pointer) {
        const auto* schemas = object.if_contains("anyOf");
        if (schemas == nullptr) return;
        ASSERT_EQ(schemas->as_array().size(), 2U) << pointer;
        EXPECT_EQ(schemas->at(1), json::value({{"type", "null"}})) << pointer;
    });
    for (const auto& [name, schema] : schemas()) {
        EXPECT_FALSE(schema.as_object().contains("anyOf")) << name;
    }
}

// ogen distinguishes two objects only by members that one of them has alone.
TEST(openapi_document, uses_one_of_only_for_a_text_or_an_object) {
    visit(document(), "", [](const json::object& object, const std::string& pointer) {
        const auto* choices = object.if_contains("oneOf");
        if (choices == nullptr) return;
        std::set<std::string_view> types;
        for (const auto& choice : choices->as_array()) {
            const std::string_view target = choice.at("$ref").as_string();
            const auto name = target.substr(target.rfind('/') + 1);
            types.insert(schemas().at(name).at("type").as_string());
        }
        EXPECT_EQ(types.size(), choices->as_array().size()) << pointer;
    });
}

// openapi-python-client leaves out an operation with a header that has no single type.
TEST(openapi_document, has_a_type_for_every_header_and_constant) {
    visit(document(), "", [](const json::object& object, const std::string& pointer) {
        if (object.contains("const")) EXPECT_TRUE(object.contains("type")) << pointer;
        const auto* location = object.if_contains("in");
        if (location == nullptr || *location != "header") return;
        EXPECT_TRUE(object.at("schema").as_object().contains("type")) << pointer;
    });
}

// openapi-generator and openapi-python-client read an array without items as an error.
TEST(openapi_document, has_items_in_every_array) {
    visit(document(), "", [](const json::object& object, const std::string& pointer) {
        const auto* type = object.if_contains("type");
        if (type != nullptr && *type == "array") EXPECT_TRUE(object.contains("items")) << pointer;
    });
}

// Go has one scope for the constants of all enumerations.
TEST(openapi_document, has_no_equal_constants_in_two_named_enumerations) {
    std::set<std::string> constants;
    for (const auto& [name, schema] : schemas()) {
        const auto* values = schema.as_object().if_contains("enum");
        if (values == nullptr) continue;
        const auto* names = schema.as_object().if_contains("x-enum-varnames");
        for (const auto& value : (names != nullptr ? names : values)->as_array()) {
            const std::string constant(value.as_string());
            EXPECT_TRUE(constants.insert(constant).second) << name << ": " << constant;
        }
    }
}

}  // namespace
