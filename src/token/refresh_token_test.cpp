#include "token/refresh_token.hpp"

#include <gtest/gtest.h>

namespace {

TEST(refresh_token, reads_what_it_writes) {
    const auto first = token::make_refresh_token("abc234");
    const auto second = token::successor_of(first, "seed");
    for (const auto& token : {first, second}) {
        const auto text = token::text_of(token).reveal();
        const auto parsed = token::parse_refresh_token(text);
        ASSERT_TRUE(parsed) << text;
        EXPECT_EQ(token::text_of(*parsed).reveal(), text);
        EXPECT_EQ(token::digest_of(*parsed), token::digest_of(token));
    }
    EXPECT_EQ(second.generation, 1);
}

TEST(refresh_token, derives_the_next_one_from_the_previous_one_and_the_seed) {
    const auto first = token::make_refresh_token("abc");
    const auto digest = token::digest_of(token::successor_of(first, "seed"));
    EXPECT_EQ(token::digest_of(token::successor_of(first, "seed")), digest);
    EXPECT_NE(token::digest_of(token::successor_of(first, "other")), digest);
    const auto other = token::make_refresh_token("abc");
    EXPECT_NE(token::digest_of(token::successor_of(other, "seed")), digest);
}

TEST(refresh_token, rejects_other_texts) {
    const auto text = token::text_of(token::make_refresh_token("abc")).reveal();
    EXPECT_TRUE(token::parse_refresh_token(text));
    const std::string secret(52, 'a');
    for (const auto& other :
         {std::string(), std::string("dbr_"), text.substr(1), text + "a", text.substr(0, 20),
          "dbr_abc_00_" + secret, "dbr_abc_-1_" + secret, "dbr_abc_99999999999999999999_" + secret,
          "dbr__0_" + secret, "dbr_ABC_0_" + secret, "dbr_abc_0_" + std::string(52, 'A'),
          "dbr_abc__" + secret, "dbr_" + std::string(65, 'a') + "_0_" + secret,
          std::string(65536, 'd')}) {
        EXPECT_FALSE(token::parse_refresh_token(other)) << other.substr(0, 80);
    }
}

TEST(refresh_token, is_found_at_the_beginning_of_a_text) {
    const auto text = token::text_of(token::make_refresh_token("abc")).reveal();
    EXPECT_EQ(token::refresh_token_length(text), text.size());
    EXPECT_EQ(token::refresh_token_length(text + "a"), text.size());
    EXPECT_EQ(token::refresh_token_length(" " + text), 0U);
    EXPECT_EQ(token::refresh_token_length(text.substr(0, text.size() - 1)), 0U);
    EXPECT_FALSE(token::parse_refresh_token(text + "a"));
}

}  // namespace
