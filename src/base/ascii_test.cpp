#include "base/ascii.hpp"

#include <gtest/gtest.h>

namespace base {
namespace {

TEST(ascii, letters_become_small_and_nothing_else_changes) {
    EXPECT_EQ(lower("MariaDB-10 [@Z]"), "mariadb-10 [@z]");
    EXPECT_EQ(lower("\xc3\x84"), "\xc3\x84");
}

TEST(ascii, case_is_no_difference_and_length_is) {
    EXPECT_TRUE(equals_ignore_case("Content-Length", "content-LENGTH"));
    EXPECT_FALSE(equals_ignore_case("Content-Length", "Content-Lengt"));
    EXPECT_FALSE(equals_ignore_case("a@", "a`"));
    EXPECT_TRUE(equals_ignore_case("", ""));
}

}  // namespace
}  // namespace base
