#include "base/ascii.hpp"

#include <gtest/gtest.h>

namespace base {
namespace {

TEST(ascii, lower_changes_ascii_letters_only) {
    EXPECT_EQ(lower("MariaDB-10 [@Z]"), "mariadb-10 [@z]");
    EXPECT_EQ(lower("\xc3\x84"), "\xc3\x84");
}

TEST(ascii, comparison_ignores_case_but_not_length) {
    EXPECT_TRUE(equals_ignore_case("Content-Length", "content-LENGTH"));
    EXPECT_FALSE(equals_ignore_case("Content-Length", "Content-Lengt"));
    EXPECT_FALSE(equals_ignore_case("a@", "a`"));
    EXPECT_TRUE(equals_ignore_case("", ""));
}

}  // namespace
}  // namespace base
