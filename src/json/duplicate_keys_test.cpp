#include "json/duplicate_keys.hpp"

#include <gtest/gtest.h>

#include "json/json_access.hpp"

namespace {

TEST(find_duplicate_key, returns_the_pointer_of_the_first_one) {
    EXPECT_EQ(json::find_duplicate_key(R"({"a":[{"b":1},{"b":{"c":1,"\u0063":2}}]})"), "/a/1/b/c");
}

// As deep as json::try_parse() reads: a token with such claims would be read with the last one.
TEST(find_duplicate_key, reads_as_deep_as_the_parser) {
    for (const std::size_t depth : {40U, 127U}) {
        const auto deep = std::string(depth, '[') + std::string(depth, ']');
        const auto text = R"({"x":)" + deep + R"(,"sub":"ada","sub":"admin"})";
        ASSERT_TRUE(json::try_parse(text)) << depth;
        EXPECT_EQ(json::find_duplicate_key(text), "/sub") << depth;
    }
}

TEST(find_duplicate_key, returns_nothing_without_duplicates_or_if_the_text_is_not_json) {
    EXPECT_EQ(json::find_duplicate_key(R"({"a":{"b":1},"b":{"a":[1,2.5,"x",null,true,{}]}})"),
              std::nullopt);
    EXPECT_EQ(json::find_duplicate_key(R"({"a":1,"a)"), std::nullopt);
}

}  // namespace
