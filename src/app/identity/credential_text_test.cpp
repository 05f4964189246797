#include "app/identity/credential_text.hpp"

#include <gtest/gtest.h>

#include "token/api_key.hpp"
#include "token/jwt.hpp"
#include "token/refresh_token.hpp"

namespace {

TEST(contains_credential, finds_an_api_key_anywhere_in_a_text) {
    const auto key = token::make_api_key().text.reveal();
    for (const auto& text : {key, "x" + key, key + "x", "Bearer " + key + "\n", "dbk_" + key}) {
        EXPECT_TRUE(app::contains_credential(text));
    }
}

TEST(contains_credential, finds_a_token_anywhere_in_a_text) {
    const auto key = token::jwt_key::make_eddsa("k");
    const auto token =
        token::sign_jwt(key, {.issuer = "dbaas", .audience = "dbaas", .subject = "ada", .id = "j"});
    for (const auto& text : {token, "x=" + token, "eyJeyJ." + token + "\n"}) {
        EXPECT_TRUE(app::contains_credential(text)) << text;
    }
    for (const auto& text : {token.substr(0, token.rfind('.')), std::string("eyJ.eyJ.eyJ"),
                             token.substr(token.find('.') + 1), std::string("eyJ")}) {
        EXPECT_FALSE(app::contains_credential(text)) << text;
    }
}

TEST(contains_credential, finds_a_refresh_token_anywhere_in_a_text) {
    const auto token = token::text_of(token::make_refresh_token("abc234")).reveal();
    for (const auto& text : {token, "x" + token, token + "x", "curl dbr_" + token + "\n"}) {
        EXPECT_TRUE(app::contains_credential(text)) << text;
    }
    EXPECT_FALSE(app::contains_credential(token.substr(0, token.size() - 1)));
    EXPECT_FALSE(app::contains_credential(token.substr(1)));
    EXPECT_TRUE(app::is_refresh_token(token));
    EXPECT_FALSE(app::is_refresh_token(token + "x"));
    EXPECT_FALSE(app::is_refresh_token(""));
}

TEST(contains_credential, is_false_for_other_texts) {
    const auto key = token::make_api_key().text.reveal();
    auto mistyped = key;
    mistyped.back() = mistyped.back() == 'a' ? 'b' : 'a';
    for (const auto& text : {std::string(), std::string("dbk_"), std::string("dbk_dbk_dbk_"),
                             mistyped, key.substr(0, key.size() - 1), key.substr(1)}) {
        EXPECT_FALSE(app::contains_credential(text)) << text.size();
    }
}

}  // namespace
