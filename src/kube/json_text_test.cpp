#include "kube/json_text.hpp"

#include <gtest/gtest.h>

namespace {

TEST(json_text, what_is_not_there_or_of_another_type_is_empty) {
    const auto parsed = kube::parse_json(
        R"({"o":{"a":1},"l":[1],"t":"x","n":5,"yes":true,"q":"1Gi","null":null,"f":1.5})");
    ASSERT_TRUE(parsed);
    const auto& from = parsed->get_object();
    EXPECT_EQ(kube::object_or_empty(from, "o").size(), 1U);
    EXPECT_EQ(kube::array_or_empty(from, "l").size(), 1U);
    EXPECT_TRUE(kube::flag_at(from, "yes"));
    EXPECT_EQ(kube::quantity_at(from, "q"), "1Gi");
    EXPECT_EQ(kube::quantity_at(from, "n"), "5");
    for (const auto* other : {"t", "null", "none", "f"}) {
        EXPECT_TRUE(kube::object_or_empty(from, other).empty()) << other;
        EXPECT_TRUE(kube::array_or_empty(from, other).empty()) << other;
        EXPECT_FALSE(kube::flag_at(from, other)) << other;
    }
    for (const auto* other : {"o", "l", "yes", "null", "none", "f"}) {
        EXPECT_EQ(kube::quantity_at(from, other), "") << other;
    }
}

}  // namespace
