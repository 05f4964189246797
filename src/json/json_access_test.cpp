#include "json/json_access.hpp"

#include <gtest/gtest.h>

namespace {

TEST(json_access, missing_members_and_other_types_are_empty) {
    const auto parsed = json::try_parse(
        R"({"o":{"a":1},"l":[1],"t":"x","n":5,"yes":true,"q":"1Gi","null":null,"f":1.5})");
    ASSERT_TRUE(parsed);
    const auto& object = parsed->get_object();
    EXPECT_EQ(json::object_or_empty(object, "o").size(), 1U);
    EXPECT_EQ(json::array_or_empty(object, "l").size(), 1U);
    EXPECT_TRUE(json::flag_at(object, "yes"));
    EXPECT_EQ(json::quantity_at(object, "q"), "1Gi");
    EXPECT_EQ(json::quantity_at(object, "n"), "5");
    for (const auto* other : {"t", "null", "none", "f"}) {
        EXPECT_TRUE(json::object_or_empty(object, other).empty()) << other;
        EXPECT_TRUE(json::array_or_empty(object, other).empty()) << other;
        EXPECT_FALSE(json::flag_at(object, other)) << other;
    }
    for (const auto* other : {"o", "l", "yes", "null", "none", "f"}) {
        EXPECT_EQ(json::quantity_at(object, other), "") << other;
    }
}

TEST(json_access, a_path_ends_at_the_first_absent_member) {
    const auto parsed = json::try_parse(R"({"o":{"o":{"l":[1]}},"l":{}})");
    const auto* object = &parsed->get_object();
    EXPECT_EQ(json::array_at(json::object_at(json::object_at(object, "o"), "o"), "l")->size(), 1U);
    EXPECT_EQ(json::object_at(json::object_at(object, "none"), "o"), nullptr);
    EXPECT_EQ(json::array_at(json::object_at(object, "none"), "l"), nullptr);
    EXPECT_EQ(json::array_at(object, "l"), nullptr);
}

TEST(json_access, try_parse_rejects_what_is_not_one_document_of_128_levels) {
    EXPECT_TRUE(json::try_parse(std::string(128, '[') + std::string(128, ']')));
    EXPECT_FALSE(json::try_parse(std::string(129, '[') + std::string(129, ']')));
    for (const auto* text : {"", "{", "1 2", "{\"a\":}", "nul"}) {
        EXPECT_FALSE(json::try_parse(text)) << text;
    }
}

TEST(json_access, parses_an_object_and_nothing_else) {
    EXPECT_EQ(json::text_at(json::parse_object(R"({"a":"b"})"), "a"), "b");
    EXPECT_TRUE(json::parse_object("[1]").empty());
    EXPECT_TRUE(json::parse_object("{").empty());
}

}  // namespace
