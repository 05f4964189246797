#include "domain/access.hpp"

#include <gtest/gtest.h>

#include <set>

namespace {

using domain::permission;
using domain::role;

struct expectation {
    permission action;
    bool viewer;
    bool developer;
    bool owner;
};

constexpr expectation expectations[] = {
    {permission::read_databases, true, true, true},
    {permission::create_databases, false, true, true},
    {permission::update_databases, false, true, true},
    {permission::operate_databases, false, true, true},
    {permission::delete_databases, false, false, true},
    {permission::read_credentials, false, true, true},
    {permission::read_projects, true, true, true},
    {permission::update_projects, false, false, true},
    {permission::create_projects, false, false, false},
    {permission::delete_projects, false, false, false},
    {permission::read_engines, true, true, true},
    {permission::read_platform, false, false, false},
    {permission::read_keys, true, true, true},
    {permission::create_keys, true, true, true},
    {permission::revoke_keys, true, true, true},
    {permission::read_members, true, true, true},
    {permission::update_members, false, false, true},
};
static_assert(std::size(expectations) == domain::permission_count);

bool is_everywhere(permission action) {
    return action == permission::read_engines || action == permission::read_keys ||
           action == permission::create_keys || action == permission::revoke_keys;
}

domain::principal caller_with(role granted) {
    return {.subject = "ada", .roles = {{"shop", granted}}};
}

TEST(may, follows_the_role_in_the_project) {
    for (const auto& [action, viewer, developer, owner] : expectations) {
        const auto text = domain::name(action);
        EXPECT_EQ(domain::may(caller_with(role::viewer), action, "shop"), viewer) << text;
        EXPECT_EQ(domain::may(caller_with(role::developer), action, "shop"), developer) << text;
        EXPECT_EQ(domain::may(caller_with(role::owner), action, "shop"), owner) << text;
    }
}

TEST(may, grants_nothing_in_another_project) {
    const auto caller = caller_with(role::owner);
    for (const auto& row : expectations) {
        const bool is_granted = is_everywhere(row.action);
        EXPECT_EQ(domain::may(caller, row.action, "bank"), is_granted) << domain::name(row.action);
        EXPECT_EQ(domain::may(caller, row.action, ""), is_granted) << domain::name(row.action);
    }
}

TEST(may, grants_everything_to_an_administrator) {
    const domain::principal administrator{.subject = "root", .is_administrator = true};
    for (const auto& row : expectations) {
        EXPECT_TRUE(domain::may(administrator, row.action, "shop"));
        EXPECT_TRUE(domain::may(administrator, row.action, ""));
        EXPECT_TRUE(domain::may_in_any_project(administrator, row.action));
    }
}

TEST(may_in_any_project, is_false_without_a_sufficient_role) {
    const domain::principal stranger{.subject = "eve"};
    for (const auto& row : expectations) {
        EXPECT_EQ(domain::may_in_any_project(caller_with(role::viewer), row.action), row.viewer);
        EXPECT_EQ(domain::may_in_any_project(stranger, row.action), is_everywhere(row.action));
    }
}

TEST(role, has_a_name) {
    for (const auto value : {role::viewer, role::developer, role::owner}) {
        EXPECT_EQ(domain::find_role(domain::name(value)), value);
    }
    EXPECT_EQ(domain::all_roles().size(), 3U);
    EXPECT_EQ(domain::find_role("admin"), std::nullopt);
    EXPECT_EQ(domain::find_role(""), std::nullopt);
}

TEST(permission, has_a_distinct_name) {
    for (const auto& row : expectations) {
        EXPECT_EQ(domain::find_permission(domain::name(row.action)), row.action);
    }
    EXPECT_EQ(domain::find_permission("databases.*"), std::nullopt);
    EXPECT_EQ(domain::find_permission(""), std::nullopt);
}

// A credential narrows an administrator and a developer, and adds nothing to either.
TEST(may, follows_the_limits_of_the_credential) {
    const domain::credential_limits limits{
        .permissions = std::set{permission::create_databases, permission::delete_databases},
        .projects = std::set<std::string, std::less<>>{"shop"}};
    const domain::principal administrator{
        .subject = "root", .is_administrator = true, .limits = limits};
    const domain::principal developer{.subject = "ada",
                                      .roles = {{"shop", role::developer}, {"bank", role::owner}},
                                      .limits = limits};
    for (const auto& row : expectations) {
        const auto text = domain::name(row.action);
        const bool is_in_limits = limits.permissions->contains(row.action);
        EXPECT_EQ(domain::credential_permits(administrator, row.action), is_in_limits) << text;
        EXPECT_EQ(domain::may(administrator, row.action, "shop"), is_in_limits) << text;
        EXPECT_EQ(domain::may_in_any_project(administrator, row.action), is_in_limits) << text;
        EXPECT_FALSE(domain::may(administrator, row.action, "bank")) << text;
        const bool is_create = row.action == permission::create_databases;
        EXPECT_EQ(domain::may(developer, row.action, "shop"), is_create) << text;
        EXPECT_EQ(domain::may_in_any_project(developer, row.action), is_create) << text;
        EXPECT_FALSE(domain::may(developer, row.action, "bank")) << text;
    }
}

TEST(may, denies_the_platform_to_a_credential_of_projects) {
    const domain::principal caller{
        .subject = "root",
        .is_administrator = true,
        .limits = {.projects = std::set<std::string, std::less<>>{"shop"}}};
    for (const auto action :
         {permission::create_projects, permission::delete_projects, permission::read_platform}) {
        EXPECT_FALSE(domain::may(caller, action, "shop")) << domain::name(action);
        EXPECT_FALSE(domain::may_in_any_project(caller, action)) << domain::name(action);
    }
    EXPECT_TRUE(domain::may(caller, permission::delete_databases, "shop"));
    EXPECT_FALSE(caller.is_unlimited());
}

TEST(credential_limits, include_what_they_cover) {
    using names = std::set<std::string, std::less<>>;
    const domain::credential_limits all;
    const domain::credential_limits reads{.permissions = std::set{permission::read_databases}};
    const domain::credential_limits shop{.projects = names{"shop"}};
    const domain::credential_limits reads_in_shop{.permissions = reads.permissions,
                                                  .projects = shop.projects};
    EXPECT_TRUE(all.include(all));
    EXPECT_TRUE(all.include(reads_in_shop));
    EXPECT_TRUE(reads.include(reads_in_shop));
    EXPECT_TRUE(shop.include(reads_in_shop));
    EXPECT_FALSE(reads.include(all));
    EXPECT_FALSE(reads.include(shop));
    EXPECT_FALSE(shop.include(reads));
    EXPECT_FALSE(
        reads_in_shop.include({.permissions = reads.permissions, .projects = names{"bank"}}));
}

TEST(visible_projects, are_those_of_the_roles_or_all) {
    EXPECT_TRUE(domain::visible_projects::all().is_all());
    EXPECT_TRUE(domain::visible_projects::all().contains("shop"));
    const domain::visible_projects all(std::make_shared<const domain::principal>(
        domain::principal{.subject = "root", .is_administrator = true}));
    EXPECT_TRUE(all.is_all());
    const domain::visible_projects one(
        std::make_shared<const domain::principal>(caller_with(role::viewer)));
    EXPECT_FALSE(one.is_all());
    EXPECT_TRUE(one.contains("shop"));
    EXPECT_FALSE(one.contains("bank"));
    EXPECT_FALSE(one.contains(""));
}

TEST(visible_projects, are_those_that_the_credential_allows) {
    const auto visible_to = [](domain::principal caller) {
        caller.limits.projects = {"shop", "nowhere"};
        const domain::visible_projects visible(
            std::make_shared<const domain::principal>(std::move(caller)));
        EXPECT_FALSE(visible.is_all());
        std::set<std::string> names;
        visible.for_each([&](std::string_view name) {
            EXPECT_TRUE(visible.contains(name));
            names.emplace(name);
        });
        EXPECT_FALSE(visible.contains("bank"));
        return names;
    };
    using names = std::set<std::string>;
    EXPECT_EQ(visible_to({.subject = "root", .is_administrator = true}),
              names({"shop", "nowhere"}));
    EXPECT_EQ(
        visible_to({.subject = "ada", .roles = {{"shop", role::viewer}, {"bank", role::owner}}}),
        names({"shop"}));
}

}  // namespace
