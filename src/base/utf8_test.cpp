#include "base/utf8.hpp"

#include <gtest/gtest.h>

namespace base {
namespace {

TEST(utf8, measures_the_first_sequence) {
    EXPECT_EQ(utf8_length(std::string_view("\0", 1)), 1u);
    EXPECT_EQ(utf8_length("az"), 1u);
    EXPECT_EQ(utf8_length("\xC3\xA9x"), 2u);
    EXPECT_EQ(utf8_length("\xE2\x82\xAC"), 3u);
    EXPECT_EQ(utf8_length("\xED\x9F\xBF"), 3u);
    EXPECT_EQ(utf8_length("\xF4\x8F\xBF\xBF"), 4u);
}

TEST(utf8, rejects_truncated_overlong_surrogate_and_out_of_range_sequences) {
    for (const char* text :
         {"\x80", "\xC0\x80", "\xC1\xBF", "\xC3", "\xC3x", "\xE0\x9F\xBF", "\xE2\x82",
          "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF0\x90\x80", "\xF4\x90\x80\x80", "\xF5", "\xFF"}) {
        EXPECT_EQ(utf8_length(text), 0u) << text;
    }
}

TEST(utf8, truncates_between_characters) {
    EXPECT_EQ(truncate_utf8("short", 40), "short");
    EXPECT_EQ(truncate_utf8("abc", 2), "ab");
    EXPECT_EQ(truncate_utf8("a\xE2\x82\xAC", 3), "a");
    EXPECT_EQ(truncate_utf8("a\xE2\x82\xAC", 4), "a\xE2\x82\xAC");
    EXPECT_EQ(truncate_utf8("\xFF\xFFx", 2), "\xFF\xFF");
    EXPECT_EQ(truncate_utf8("", 2), "");
}

}  // namespace
}  // namespace base
