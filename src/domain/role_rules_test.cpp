#include "domain/role_rules.hpp"

#include <gtest/gtest.h>

namespace {

using domain::permission;

const domain::principal admin{.subject = "root", .is_administrator = true};

base::outcome<domain::custom_role> create(domain::role_request wanted,
                                          const domain::principal& caller = admin) {
    return domain::validate(wanted, caller, base::instant());
}

std::string codes(const domain::role_request& wanted) {
    const auto result = create(wanted);
    if (result) return "";
    std::string text;
    for (const auto& field : result.error().fields) text += field.pointer + "=" + field.code + ";";
    return text;
}

using texts = std::vector<std::string>;

TEST(validate_role, reads_permissions_of_projects) {
    const auto result = create({.name = "releaser",
                                .description = "restarts databases",
                                .permissions = texts{"projects.read", "databases.operate"}});
    ASSERT_TRUE(result);
    EXPECT_EQ(result->permissions,
              (domain::permission_set{permission::read_projects, permission::operate_databases}));
    EXPECT_EQ(domain::permissions_in(result->permissions),
              (std::vector{permission::operate_databases, permission::read_projects}));
    EXPECT_EQ(result->created_by, "root");
}

TEST(validate_role, reports_all_field_errors) {
    const auto readable = std::optional(texts{"projects.read"});
    EXPECT_EQ(codes({}), "/name=required;/permissions=required;");
    EXPECT_EQ(codes({.name = "a b", .permissions = texts{}}),
              "/name=bad_name;/permissions=required;");
    for (const auto* reserved : {"viewer", "developer", "owner", "admin", "auditor", "none"}) {
        EXPECT_EQ(codes({.name = reserved, .permissions = readable}), "/name=reserved;");
    }
    EXPECT_EQ(codes({.name = "a", .permissions = texts{"databases.fly", "users.create"}}),
              "/permissions/0=unknown_value;/permissions/1=not_grantable;");
    EXPECT_EQ(codes({.name = "a", .permissions = texts{"databases.read"}}),
              "/permissions=unreadable_project;");
    EXPECT_EQ(codes({.name = "a",
                     .description = std::string(domain::role_description_max + 1, 'x'),
                     .permissions = readable}),
              "/description=out_of_range;");
}

TEST(validate_role, denies_more_than_the_key_of_the_caller_has) {
    auto limited = admin;
    limited.limits.permissions = std::set{permission::read_projects};
    const auto denied =
        create({.name = "a", .permissions = texts{"projects.read", "databases.delete"}}, limited);
    ASSERT_FALSE(denied);
    EXPECT_EQ(denied.error().reason, "exceeds_grantor");
    EXPECT_TRUE(create({.name = "a", .permissions = texts{"projects.read"}}, limited));
}

TEST(validate_role, follows_the_permission_to_create_databases_for_presets) {
    auto limited = admin;
    const auto create_with = [&](permission own, const char* wanted) {
        limited.limits.permissions = std::set{permission::read_projects, own};
        return create({.name = "a", .permissions = texts{"projects.read", wanted}}, limited);
    };
    const auto role = create_with(permission::create_databases, "databases.create_from_preset");
    ASSERT_TRUE(role) << role.error().text;
    EXPECT_EQ(domain::permissions_in(role->permissions),
              (std::vector{permission::read_projects, permission::create_databases_from_preset}));
    EXPECT_TRUE(
        create_with(permission::create_databases_from_preset, "databases.create_from_preset"));
    const auto denied = create_with(permission::create_databases_from_preset, "databases.create");
    ASSERT_FALSE(denied);
    EXPECT_EQ(denied.error().reason, "exceeds_grantor");
}

}  // namespace
