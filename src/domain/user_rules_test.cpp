#include "domain/user_rules.hpp"

#include <gtest/gtest.h>

namespace {

using domain::platform_role;

const domain::principal admin{.subject = "root", .is_administrator = true};
const domain::principal ada{.subject = "ada"};

std::vector<std::string> pointers_of(const base::failure& failure) {
    std::vector<std::string> result;
    result.reserve(failure.fields.size());
    for (const auto& field : failure.fields) result.push_back(field.pointer);
    return result;
}

base::outcome<domain::user> create(domain::user_request wanted,
                                   const domain::principal& caller = admin) {
    return domain::validate(wanted, caller, base::instant());
}

std::string verdict_on(const std::string& password) {
    const auto result = create(
        {.name = "ada", .email = "ada.lovelace@example.com", .password = base::secret(password)});
    if (result) return "ok";
    EXPECT_FALSE(result.error().text.contains(password));
    for (const auto& field : result.error().fields) {
        EXPECT_FALSE(field.message.contains(password));
    }
    return result.error().fields.at(0).code;
}

TEST(user_rules, accept_a_user_and_report_every_invalid_field) {
    const auto user = create({.name = "ada", .email = "ada@example.com", .role = "auditor"});
    ASSERT_TRUE(user);
    EXPECT_EQ(user->role, platform_role::auditor);
    EXPECT_EQ(user->created_by, "root");
    const auto denied =
        create({.name = "a/b", .email = "ada", .role = "god", .password = base::secret("short")});
    EXPECT_EQ(pointers_of(denied.error()),
              (std::vector<std::string>{"/name", "/email", "/role", "/password"}));
    EXPECT_EQ(pointers_of(create({}).error()), std::vector<std::string>{"/name"});
    EXPECT_EQ(pointers_of(create({.name = "local-admin"}).error()),
              std::vector<std::string>{"/name"});
    EXPECT_EQ(pointers_of(create({.name = "admin"}).error()), std::vector<std::string>{"/role"});
    for (const auto* email : {"@", "a@", "@b", "a b@c", "a@b\n", "<a>@b"}) {
        EXPECT_FALSE(create({.name = "ada", .email = email})) << email;
    }
}

TEST(user_rules, check_the_length_of_a_password_and_not_its_composition) {
    EXPECT_EQ(verdict_on("correct horse"), "ok");
    EXPECT_EQ(verdict_on("\xC3\xA9\xC3\xA8 \xC3\xA0 \xC3\xBC\xC3\xB6\xC3\xA4 ..."), "ok");
    EXPECT_EQ(verdict_on("eleven chars"), "ok");
    EXPECT_EQ(verdict_on("eleven char"), "out_of_range");
    EXPECT_EQ(verdict_on(std::string(257, 'x') + "y"), "out_of_range");
    EXPECT_EQ(verdict_on("aaaaaaaaaaaaa"), "guessable");
    EXPECT_EQ(verdict_on("PasswordPassword"), "guessable");
    EXPECT_EQ(verdict_on("abcabcabcabc"), "guessable");
    EXPECT_EQ(verdict_on("welcome12345"), "guessable");
    EXPECT_EQ(verdict_on("Ada-Lovelace-1"), "guessable");
    EXPECT_EQ(verdict_on("Ada.Lovelace@example.com"), "guessable");
}

TEST(user_rules, let_only_an_unlimited_administrator_grant_roles_and_passwords) {
    auto limited = admin;
    limited.limits.permissions = {domain::permission::create_users};
    EXPECT_TRUE(create({.name = "ben"}, limited));
    EXPECT_EQ(create({.name = "ben", .role = "admin"}, limited).error().code, base::errc::denied);
    EXPECT_EQ(
        create({.name = "ben", .password = base::secret("correct horse")}, limited).error().code,
        base::errc::denied);
}

TEST(user_rules, keep_the_sessions_of_a_deleted_user_ended) {
    const base::instant now{std::chrono::seconds(1'763'994'600)};
    const domain::user_request wanted{.name = "ben"};
    const auto before = domain::validate(wanted, admin, now);
    const auto again = domain::validate(wanted, admin, now + std::chrono::milliseconds(1));
    EXPECT_NE(before->session_epoch, again->session_epoch);
}

TEST(user_rules, reject_role_and_state_in_a_patch_of_the_own_user) {
    const domain::user user{.name = "ada"};
    EXPECT_EQ(domain::apply({.email = "a@b"}, user, ada)->email, "a@b");
    EXPECT_EQ(domain::apply({.email = ""}, user, ada)->email, "");
    EXPECT_EQ(domain::apply({.role = "admin"}, user, ada).error().code, base::errc::denied);
    EXPECT_EQ(domain::apply({.state = "disabled"}, user, ada).error().code, base::errc::denied);
    const domain::user root{.name = "root", .role = platform_role::admin};
    EXPECT_EQ(domain::apply({.role = "none"}, root, admin).error().code, base::errc::denied);
    auto mapped = user;
    mapped.role = domain::platform_role::admin;
    mapped.role_granted_by = "oidc:corp";
    EXPECT_EQ(domain::apply({.email = "a@b"}, mapped, admin)->role_granted_by, "oidc:corp");
    EXPECT_EQ(domain::apply({.role = "admin"}, mapped, admin)->role_granted_by, "");
    const auto changed = domain::apply({.role = "admin", .state = "disabled"}, user, admin);
    ASSERT_TRUE(changed);
    EXPECT_EQ(changed->role, platform_role::admin);
    EXPECT_EQ(changed->state, domain::user_state::disabled);
    EXPECT_GT(changed->session_epoch, user.session_epoch) << "sessions stay ended after";
    EXPECT_EQ(pointers_of(domain::apply({.role = "god", .state = "gone"}, user, admin).error()),
              (std::vector<std::string>{"/role", "/state"}));
}

TEST(user_rules, require_the_current_password_for_the_own_one) {
    const domain::user user{.name = "ada"};
    const domain::password_request wanted{.password = base::secret("correct horse")};
    EXPECT_EQ(domain::validate(wanted, user, ada).error().reason, "wrong_password");
    EXPECT_TRUE(domain::validate(wanted, user, admin));
    const domain::user root{.name = "root", .role = platform_role::admin};
    EXPECT_FALSE(domain::validate(wanted, root, admin));
    auto with_key = admin;
    with_key.credential = "key:abc";
    EXPECT_TRUE(domain::validate(wanted, root, with_key));
    EXPECT_EQ(pointers_of(domain::validate(domain::password_request{}, user, admin).error()),
              std::vector<std::string>{"/password"});
}

}  // namespace
