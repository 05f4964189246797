#include "domain/member_rules.hpp"

#include <gtest/gtest.h>

namespace {

std::string codes(const domain::member_request& wanted, const std::string& subject) {
    const auto member = domain::validate(wanted, "shop", subject);
    if (member) return "";
    std::string text;
    for (const auto& field : member.error().fields) text += field.pointer + "=" + field.code + ";";
    return text;
}

TEST(validate_member, reads_every_role) {
    for (const auto name : domain::all_roles()) {
        const auto member = domain::validate({.role = std::string(name)}, "shop", "ada");
        ASSERT_TRUE(member) << name;
        EXPECT_EQ(member->role, name);
        EXPECT_EQ(member->project, "shop");
        EXPECT_EQ(member->subject, "ada");
    }
}

TEST(validate_member, reports_all_field_errors) {
    EXPECT_EQ(codes({}, "ada"), "/role=required;");
    EXPECT_EQ(codes({.role = "a/b"}, "ada"), "/role=unknown_value;");
    EXPECT_EQ(codes({.role = ""}, "a b\n"), "/subject=bad_name;/role=unknown_value;");
    EXPECT_EQ(codes({.role = "owner"}, "admin"), "/subject=reserved;");
    EXPECT_EQ(codes({.role = "owner"}, "local-admin"), "/subject=reserved;");
    EXPECT_EQ(codes({.role = "owner"}, "a/b"), "/subject=bad_name;");
    EXPECT_EQ(codes({.role = "owner"}, "system:node:a"), "/subject=bad_name;");
    const std::string account = "system:serviceaccount:shop:";
    EXPECT_EQ(codes({.role = "viewer"}, account + "ci"), "");
    EXPECT_EQ(codes({.role = "viewer"}, "service_account:ci"), "");
    EXPECT_EQ(codes({.role = "viewer"}, "service_account:"), "/subject=bad_name;");
    EXPECT_EQ(codes({.role = "viewer"}, "service_account:a/b"), "/subject=bad_name;");
    EXPECT_EQ(codes({.role = "viewer"}, account + std::string(60, 'a')), "");
    EXPECT_EQ(codes({.role = "viewer"}, account + std::string(61, 'a')), "/subject=bad_name;");
}

TEST(check_grant, denies_roles_with_more_permissions_than_the_grantor_has) {
    using domain::role;
    const domain::principal developer{.subject = "ada", .roles = {{"shop", role::developer}}};
    const auto check = [&](const std::string& project, role granted) {
        return domain::check_grant({.project = project, .role = std::string(domain::name(granted))},
                                   domain::permissions_of(granted), developer);
    };
    EXPECT_TRUE(check("shop", role::viewer));
    EXPECT_TRUE(check("shop", role::developer));
    EXPECT_FALSE(check("bank", role::viewer));
    const auto denied = check("shop", role::owner);
    ASSERT_FALSE(denied);
    EXPECT_EQ(denied.error().text,
              "role: owner has the permission databases.delete, which the caller lacks in project "
              "shop; only a caller with every permission of a role may grant or revoke it");
}

TEST(check_grant, lets_a_caller_that_creates_databases_grant_their_creation_from_presets) {
    using enum domain::permission;
    const auto can_grant = [](domain::permission own, domain::permission granted) {
        const domain::principal grantor{
            .subject = "ada", .roles = {{"shop", {"lead", {read_projects, update_members, own}}}}};
        return domain::check_grant({.project = "shop", .role = "builder"}, {read_projects, granted},
                                   grantor)
            .has_value();
    };
    EXPECT_TRUE(can_grant(create_databases, create_databases_from_preset));
    EXPECT_TRUE(can_grant(create_databases_from_preset, create_databases_from_preset));
    EXPECT_FALSE(can_grant(create_databases_from_preset, create_databases));
}

}  // namespace
