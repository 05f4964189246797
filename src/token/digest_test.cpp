#include "token/digest.hpp"

#include <gtest/gtest.h>

namespace {

TEST(sha256, equals_the_vectors_of_fips_180) {
    EXPECT_EQ(token::to_hex(token::sha256("")),
              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(token::to_hex(token::sha256("abc")),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(equals_secretly, compares_size_and_content) {
    EXPECT_TRUE(token::equals_secretly("", ""));
    EXPECT_TRUE(token::equals_secretly("abc", "abc"));
    EXPECT_FALSE(token::equals_secretly("abc", "abd"));
    EXPECT_FALSE(token::equals_secretly("abc", "ab"));
}

}  // namespace
