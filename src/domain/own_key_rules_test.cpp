#include "domain/own_key_rules.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace {

// Returns the code of the error for a key of the subject; nothing if there is none.
std::optional<base::errc> error_of(const domain::principal& caller, std::string_view subject) {
    const auto checked = domain::check_own_key(subject, caller);
    return checked ? std::nullopt : std::optional(checked.error().code);
}

TEST(own_key_rules, deny_keys_of_tokens_of_other_systems) {
    const domain::principal account{.subject = "system:serviceaccount:shop:ci",
                                    .credential = "kubernetes"};
    EXPECT_EQ(error_of(account, account.subject), base::errc::denied);
    EXPECT_EQ(error_of(account, "robot"), base::errc::denied);
    domain::principal person{.subject = "corp.ada", .credential = "oidc:corp"};
    EXPECT_EQ(error_of(person, "corp.ada"), base::errc::denied);
    EXPECT_EQ(error_of(person, "robot"), std::nullopt);  // validate() denies it
    person.is_administrator = true;
    EXPECT_EQ(error_of(person, "corp.ada"), base::errc::denied);
}

TEST(own_key_rules, allow_keys_of_other_credentials) {
    for (const auto* credential : {"session:1", "key:k1", ""}) {
        EXPECT_EQ(error_of({.subject = "corp.ada", .credential = credential}, "corp.ada"),
                  std::nullopt);
    }
}

}  // namespace
