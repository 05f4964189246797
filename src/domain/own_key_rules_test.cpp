#include "domain/own_key_rules.hpp"

#include <gtest/gtest.h>

namespace {

// Returns the code of the error of a request for a key; nothing if there is none.
std::optional<base::errc> error_of(const domain::principal& caller,
                                   std::optional<std::string> subject = {}) {
    const auto checked =
        domain::check_own_key({.name = "k", .subject = std::move(subject)}, caller);
    return checked ? std::nullopt : std::optional(checked.error().code);
}

TEST(own_key_rules, deny_keys_of_tokens_of_other_systems) {
    const domain::principal account{.subject = "system:serviceaccount:shop:ci",
                                    .credential = "kubernetes"};
    EXPECT_EQ(error_of(account), base::errc::denied);
    EXPECT_EQ(error_of(account, "robot"), base::errc::denied);
    domain::principal person{.subject = "corp.ada", .credential = "oidc:corp"};
    EXPECT_EQ(error_of(person), base::errc::denied);
    EXPECT_EQ(error_of(person, "corp.ada"), base::errc::denied);
    EXPECT_EQ(error_of(person, "robot"), std::nullopt);  // validate() denies it
    person.is_administrator = true;
    EXPECT_EQ(error_of(person), base::errc::denied);
}

TEST(own_key_rules, allow_keys_of_other_credentials) {
    for (const auto* credential : {"session:1", "key:k1", ""}) {
        EXPECT_EQ(error_of({.subject = "corp.ada", .credential = credential}), std::nullopt);
    }
}

}  // namespace
