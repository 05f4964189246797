#include "domain/text_rules.hpp"

#include <gtest/gtest.h>

#include <string>

namespace domain {
namespace {

TEST(is_valid_name, follows_rfc_1035_and_reserves_the_endings_of_parts) {
    for (const char* name : {"a", "orders", "orders-2", "a-b-c"})
        EXPECT_TRUE(is_valid_name(name)) << name;
    for (const char* name : {"", "2orders", "-a", "a-", "Orders", "or_ders", "orders-stats",
                             "x-auth", "a.b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}) {
        EXPECT_FALSE(is_valid_name(name)) << name;
    }
}

TEST(is_service_account, follows_kubernetes) {
    EXPECT_TRUE(is_service_account("system:serviceaccount:shop:ci"));
    EXPECT_TRUE(is_service_account("system:serviceaccount:shop:ci.v2"));
    for (const auto* text : {"", "ci", "system:serviceaccount:", "system:serviceaccount:shop",
                             "system:serviceaccount:shop:", "system:serviceaccount::ci",
                             "system:node:shop", "system:serviceaccount:a.b:ci",
                             "system:serviceaccount:shop:ci:x", "system:serviceaccount:Shop:ci",
                             "system:serviceaccounts:shop:ci", "system:serviceaccount:shop:c/i"}) {
        EXPECT_FALSE(is_service_account(text)) << text;
    }
}

TEST(is_label_word, follows_kubernetes) {
    for (const auto* word : {"a", "A-1_b.c", "x"}) EXPECT_TRUE(is_label_word(word)) << word;
    for (const auto* word : {"", "-a", "a-", "a b", "\u00e9"}) {
        EXPECT_FALSE(is_label_word(word)) << word;
    }
    EXPECT_TRUE(is_label_word(std::string(63, 'a')));
    EXPECT_FALSE(is_label_word(std::string(64, 'a')));
}

TEST(is_dns_subdomain, follows_rfc_1123) {
    for (const auto* text : {"a", "a.b", "a-1.b2"}) EXPECT_TRUE(is_dns_subdomain(text)) << text;
    for (const auto* text : {"", ".", "a.", ".a", "a..b", "-a", "a-", "a-.b", "A.b", "a_b"}) {
        EXPECT_FALSE(is_dns_subdomain(text)) << text;
    }
}

TEST(length_of, counts_characters) {
    EXPECT_EQ(length_of("abc"), 3U);
    EXPECT_EQ(length_of("\u00e9\u4e16"), 2U);
    EXPECT_EQ(length_of("\xff\xfe"), 2U);
}

TEST(text_rules, know_whose_a_label_is) {
    EXPECT_EQ(reserved_domain_of("kubedb.com/x"), "kubedb.com");
    EXPECT_EQ(reserved_domain_of("app.kubernetes.io/name"), "kubernetes.io");
    EXPECT_EQ(reserved_domain_of("mykubedb.com/x"), "");
    EXPECT_EQ(reserved_domain_of("kubedb.com"), "");
    EXPECT_EQ(reserved_domain_of("team"), "");
}

}  // namespace
}  // namespace domain
