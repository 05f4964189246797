#include "json/duplicate_keys.hpp"

#include <gtest/gtest.h>

namespace {

TEST(find_duplicate_key, returns_the_pointer_of_the_first_one) {
    EXPECT_EQ(json::find_duplicate_key(R"({"a":[{"b":1},{"b":{"c":1,"\u0063":2}}]})"), "/a/1/b/c");
}

TEST(find_duplicate_key, returns_nothing_without_duplicates_or_if_the_text_is_not_json) {
    EXPECT_EQ(json::find_duplicate_key(R"({"a":{"b":1},"b":{"a":[1,2.5,"x",null,true,{}]}})"),
              std::nullopt);
    EXPECT_EQ(json::find_duplicate_key(R"({"a":1,"a)"), std::nullopt);
}

}  // namespace
