#include "token/api_key.hpp"

#include <gtest/gtest.h>

#include <regex>
#include <set>

namespace {

TEST(api_key, has_the_documented_form) {
    const auto key = token::make_api_key();
    const auto& text = key.text.reveal();
    EXPECT_TRUE(std::regex_match(text, std::regex("dbk_[a-z2-7]{12}_[a-z2-7]{38}"))) << text;
    EXPECT_EQ(text.size(), token::api_key_length);
    EXPECT_EQ(token::id_of_api_key(text), key.id);
    EXPECT_TRUE(text.ends_with(key.last_four));
    EXPECT_EQ(token::digest_of_api_key(text), key.digest);
}

TEST(api_key, is_different_each_time) {
    std::set<std::string> texts;
    for (int i = 0; i < 100; ++i) texts.insert(token::make_api_key().text.reveal());
    EXPECT_EQ(texts.size(), 100U);
}

TEST(api_key, is_rejected_after_a_change_of_any_character) {
    const auto key = token::make_api_key();
    for (std::size_t i = 0; i < token::api_key_length; ++i) {
        auto text = key.text.reveal();
        text[i] = text[i] == 'a' ? 'b' : 'a';
        EXPECT_EQ(token::id_of_api_key(text), std::nullopt) << i;
        EXPECT_NE(token::digest_of_api_key(text), key.digest) << i;
    }
}

TEST(api_key, is_rejected_in_another_form) {
    const auto text = token::make_api_key().text.reveal();
    for (const auto& wrong : {std::string(), std::string("dbk_"), text + "a", text.substr(1),
                              " " + text, text + "\n", std::string(token::api_key_length, 'a'),
                              std::string(token::api_key_length, '\0'), std::string(65536, 'a')}) {
        EXPECT_EQ(token::id_of_api_key(wrong), std::nullopt) << wrong.size();
    }
}

}  // namespace
