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
};

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
        const bool is_everywhere = row.action == permission::read_engines;
        EXPECT_EQ(domain::may(caller, row.action, "bank"), is_everywhere)
            << domain::name(row.action);
        EXPECT_EQ(domain::may(caller, row.action, ""), is_everywhere) << domain::name(row.action);
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
        EXPECT_EQ(domain::may_in_any_project(stranger, row.action),
                  row.action == permission::read_engines);
    }
}

TEST(permission, has_a_distinct_name) {
    std::set<std::string_view> names;
    for (const auto& row : expectations) names.insert(domain::name(row.action));
    EXPECT_EQ(names.size(), std::size(expectations));
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

}  // namespace
