#include "kube/json_text.hpp"

#include <gtest/gtest.h>

namespace {

TEST(json_text, missing_members_and_other_types_are_empty) {
    const auto parsed = kube::parse_json(
        R"({"o":{"a":1},"l":[1],"t":"x","n":5,"yes":true,"q":"1Gi","null":null,"f":1.5})");
    ASSERT_TRUE(parsed);
    const auto& object = parsed->get_object();
    EXPECT_EQ(kube::object_or_empty(object, "o").size(), 1U);
    EXPECT_EQ(kube::array_or_empty(object, "l").size(), 1U);
    EXPECT_TRUE(kube::flag_at(object, "yes"));
    EXPECT_EQ(kube::quantity_at(object, "q"), "1Gi");
    EXPECT_EQ(kube::quantity_at(object, "n"), "5");
    for (const auto* other : {"t", "null", "none", "f"}) {
        EXPECT_TRUE(kube::object_or_empty(object, other).empty()) << other;
        EXPECT_TRUE(kube::array_or_empty(object, other).empty()) << other;
        EXPECT_FALSE(kube::flag_at(object, other)) << other;
    }
    for (const auto* other : {"o", "l", "yes", "null", "none", "f"}) {
        EXPECT_EQ(kube::quantity_at(object, other), "") << other;
    }
}

}  // namespace
