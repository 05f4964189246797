#include "domain/password_rules.hpp"

#include <gtest/gtest.h>

#include <array>

namespace {

bool is_guessable(std::string_view password) {
    constexpr std::array<std::string_view, 3> own_words{"ada", "lovelace", "example"};
    return domain::password_units(password, own_words) < domain::password_units_min;
}

TEST(password_units, are_few_for_passwords_that_programs_guess_first) {
    for (const auto* password :
         {"abcabcabcabc",     "xyxyxyxyxyxy",     "aaaaaaaaaaaaa",    "abcdefghijkl",
          "lkjihgfedcba",     "123456789012",     "1234567890123",    "098765432109",
          "aaabbbcccddd",     "111222333444",     "qwertyuiop12",     "qwertyuiopasdf",
          "asdfghjklzxcvbnm", "1q2w3e4r5t6y",     "1qaz2wsx1qaz",     "welcome12345",
          "Welcome2026!",     "Summer2026!!",     "password1234",     "PasswordPassword",
          "P4ssw0rd2026",     "p@$$word1234",     "passwordpassword", "letmeinletmein",
          "iloveyou1234",     "changemechangeme", "administrator",    "adminadmin123",
          "kubernetes123",    "database2025!",    "dbaas-admin-1",    "lovelace12345",
          "ada.lovelace!",    "adaadaadaada",     "example-2026"}) {
        EXPECT_TRUE(is_guessable(password)) << password;
    }
}

TEST(password_units, are_enough_for_phrases_and_random_texts) {
    for (const auto* password :
         {"correct horse", "battery staple", "correct horse battery", "eleven chars",
          "another long password", "my password is a long one", "tr0ub4dor&3x", "kP9#vL2mQ8zR",
          "hunde bellen laut", "x7f3a9c1d5e8", "zebra-lamp-42-moon", "the quick brown",
          "\xC3\xA9\xC3\xA8 \xC3\xA0 \xC3\xBC\xC3\xB6\xC3\xA4 ...", "dXNlcjpwYXNz",
          "5f2b8e01c97d"}) {
        EXPECT_FALSE(is_guessable(password)) << password;
    }
}

TEST(password_units, count_characters_and_not_bytes) {
    EXPECT_EQ(domain::password_units("\xC3\xA9x\xE2\x82\xACy", {}), 4U);
    EXPECT_EQ(domain::password_units("", {}), 0U);
}

TEST(password_units, read_a_repeated_text_once) {
    EXPECT_EQ(domain::password_units("kqkqkqkq", {}), 3U);
    EXPECT_EQ(domain::password_units("kqx", {}), 3U);
}

}  // namespace
