#include "domain/access.hpp"

#include <fmt/format.h>
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
    {permission::update_keys, true, true, true},
    {permission::read_members, true, true, true},
    {permission::update_members, false, false, true},
    {permission::read_users, true, true, true},
    {permission::create_users, false, false, false},
    {permission::update_users, true, true, true},
    {permission::delete_users, false, false, false},
    {permission::read_roles, true, true, true},
    {permission::update_roles, false, false, false},
    {permission::review_access, false, false, false},
    {permission::read_audit, false, false, false},
    {permission::update_platform, false, false, false},
    {permission::read_service_accounts, true, true, true},
    {permission::update_service_accounts, false, false, true},
    {permission::create_databases_from_preset, false, true, true},
};
static_assert(std::size(expectations) == domain::permission_count);

bool is_everywhere(permission action) {
    return action == permission::read_engines || action == permission::read_keys ||
           action == permission::create_keys || action == permission::revoke_keys ||
           action == permission::update_keys || action == permission::read_users ||
           action == permission::update_users || action == permission::read_roles;
}

domain::principal caller_with(role granted) {
    return {.subject = "ada", .roles = {{"shop", granted}}};
}

TEST(permits, limits_a_key_to_its_databases) {
    const domain::principal caller{
        .subject = "admin",
        .is_administrator = true,
        .limits = {.databases = std::set<std::string, std::less<>>{"db-a"}}};
    const auto rule = [&](permission action, std::string_view database) {
        return name(permits(caller, action, {.project = "shop", .database = database}).because);
    };
    EXPECT_EQ(rule(permission::delete_databases, "db-a"), "administrator");
    EXPECT_EQ(rule(permission::delete_databases, "db-b"), "key_databases");
    EXPECT_EQ(rule(permission::read_databases, ""), "key_databases");
    EXPECT_EQ(rule(permission::create_databases, "db-a"), "key_databases");
    EXPECT_EQ(rule(permission::read_projects, "db-a"), "key_databases");
    EXPECT_EQ(rule(permission::create_users, ""), "key_databases");
    EXPECT_EQ(rule(permission::read_engines, ""), "every_caller");
    EXPECT_TRUE(may_in_any_project(caller, permission::read_databases));
    EXPECT_FALSE(may_in_any_project(caller, permission::create_databases));
    EXPECT_FALSE(caller.is_unlimited());
    const domain::visible_projects visible(std::make_shared<const domain::principal>(caller));
    EXPECT_FALSE(visible.is_all());
    EXPECT_FALSE(visible.has_projects());
    EXPECT_TRUE(visible.contains("shop", "db-a"));
    EXPECT_FALSE(visible.contains("shop", "db-b"));
    EXPECT_FALSE(visible.contains("shop"));
}

TEST(permits, keeps_the_subject_from_a_key_with_projects_or_databases) {
    domain::principal caller{.subject = "ada"};
    const auto rule = [&](permission action) { return name(permits(caller, action, {}).because); };
    for (const auto action : {permission::revoke_keys, permission::update_users}) {
        caller.limits = {};
        EXPECT_EQ(rule(action), "every_caller");
        caller.limits = {.projects = std::set<std::string, std::less<>>{"shop"}};
        EXPECT_EQ(rule(action), "key_projects");
        caller.limits = {.databases = std::set<std::string, std::less<>>{"db-a"}};
        EXPECT_EQ(rule(action), "key_databases");
    }
}

TEST(credential_limits, include_networks_inside_their_networks) {
    const auto limits = [](std::vector<const char*> texts) {
        domain::credential_limits result{.networks = std::vector<base::ip_network>()};
        for (const auto* text : texts) {
            result.networks->push_back(base::parse_ip_network(text).value());
        }
        return result;
    };
    const auto outer = limits({"10.0.0.0/8", "2001:db8::/32"});
    EXPECT_TRUE(outer.include(limits({"10.1.0.0/16", "10.0.0.7", "2001:db8:1::/48"})));
    EXPECT_FALSE(outer.include(limits({"10.0.0.0/8", "11.0.0.0/8"})));
    EXPECT_FALSE(outer.include(limits({"0.0.0.0/0"})));
    EXPECT_FALSE(outer.include({}));
    EXPECT_TRUE(domain::credential_limits().include(outer));
    EXPECT_TRUE(outer.allow_address("10.9.9.9"));
    EXPECT_TRUE(outer.allow_address("::ffff:10.9.9.9"));
    EXPECT_FALSE(outer.allow_address("11.0.0.1"));
    EXPECT_FALSE(outer.allow_address(""));
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

TEST(may, lets_an_auditor_read_everything_but_credentials) {
    const domain::principal auditor{.subject = "ada", .is_auditor = true};
    for (const auto& row : expectations) {
        const bool is_read = domain::name(row.action).ends_with(".read");
        EXPECT_EQ(domain::may(auditor, row.action, "shop"), is_read || is_everywhere(row.action))
            << domain::name(row.action);
        EXPECT_EQ(domain::may_in_any_project(auditor, row.action),
                  is_read || is_everywhere(row.action));
    }
    EXPECT_TRUE(
        domain::visible_projects(std::make_shared<const domain::principal>(auditor)).is_all());
    const auto owner_too =
        domain::principal{.subject = "ada", .roles = {{"shop", role::owner}}, .is_auditor = true};
    EXPECT_TRUE(domain::may(owner_too, permission::delete_databases, "shop"));
    EXPECT_FALSE(domain::may(owner_too, permission::delete_databases, "bank"));
    EXPECT_TRUE(domain::may_in_any_project(owner_too, permission::delete_databases));
}

TEST(permits, follows_the_permissions_of_a_custom_role) {
    const domain::principal caller{
        .subject = "ada",
        .roles = {
            {"shop", {"releaser", {permission::read_projects, permission::operate_databases}}}}};
    for (const auto& row : expectations) {
        const bool is_granted = row.action == permission::read_projects ||
                                row.action == permission::operate_databases ||
                                is_everywhere(row.action);
        EXPECT_EQ(domain::may(caller, row.action, "shop"), is_granted) << domain::name(row.action);
    }
    const auto shared = std::make_shared<const domain::principal>(caller);
    EXPECT_FALSE(domain::visible_projects(shared).contains("shop"));
    EXPECT_TRUE(domain::visible_projects(shared, permission::read_projects).contains("shop"));
}

// Stored roles that name databases.create alone keep their meaning.
TEST(permits, includes_presets_in_the_permission_to_create_databases) {
    using enum permission;
    const auto caller_of = [](permission action) {
        return domain::principal{
            .subject = "ada",
            .roles = {{"shop", {"builder", {permission::read_projects, action}}}}};
    };
    const auto creator = caller_of(create_databases);
    const auto self_service = caller_of(create_databases_from_preset);
    EXPECT_TRUE(domain::may(creator, create_databases, "shop"));
    EXPECT_TRUE(domain::may(creator, create_databases_from_preset, "shop"));
    EXPECT_TRUE(domain::may_in_any_project(creator, create_databases_from_preset));
    EXPECT_FALSE(domain::may(creator, create_databases_from_preset, "bank"));
    EXPECT_FALSE(domain::may(self_service, create_databases, "shop"));
    EXPECT_TRUE(domain::may(self_service, create_databases_from_preset, "shop"));
    EXPECT_FALSE(domain::may_in_any_project(self_service, create_databases));
    const auto reason = [](const domain::principal& caller) {
        const domain::resource target{.project = "shop"};
        return domain::explain(permits(caller, create_databases_from_preset, target), target);
    };
    EXPECT_EQ(reason(creator),
              "the role builder in project shop has the permission databases.create, which "
              "includes databases.create_from_preset");
    EXPECT_EQ(reason(self_service),
              "the role builder in project shop has the permission databases.create_from_preset");
    EXPECT_EQ(reason(caller_with(role::developer)),
              "the role developer in project shop has the permission "
              "databases.create_from_preset");
    for (const auto& row : expectations) {
        const bool is_included = row.action == create_databases_from_preset;
        EXPECT_EQ(domain::wider_permission(row.action),
                  is_included ? create_databases : row.action);
    }
}

TEST(permits, names_the_deciding_rule_and_the_way_to_the_permission) {
    const auto sentence = [](const domain::principal& caller, permission action) {
        const domain::resource target{.project = "shop"};
        const auto decision = domain::permits(caller, action, target);
        return fmt::format("{}: {}", domain::name(decision.because),
                           domain::explain(decision, target));
    };
    using enum permission;
    EXPECT_EQ(sentence(caller_with(role::viewer), read_engines),
              "every_caller: every caller has the permission engines.read");
    EXPECT_EQ(sentence({.subject = "root", .is_administrator = true}, delete_databases),
              "administrator: an administrator has the permission databases.delete");
    EXPECT_EQ(sentence({.subject = "eva", .is_auditor = true}, read_databases),
              "auditor: an auditor has the permission databases.read");
    EXPECT_EQ(sentence(caller_with(role::viewer), read_databases),
              "role: the role viewer in project shop has the permission databases.read");
    EXPECT_EQ(
        sentence(caller_with(role::viewer), delete_databases),
        "insufficient_role: the caller lacks the permission databases.delete in project shop, "
        "where its role is viewer; an owner of the project can grant the role owner");
    EXPECT_EQ(
        sentence({.subject = "eve"}, read_databases),
        "no_role: the caller lacks the permission databases.read in project shop; an owner of "
        "the project can grant the role viewer");
    EXPECT_EQ(
        sentence(caller_with(role::owner), create_projects),
        "platform: the caller lacks the permission projects.create; an administrator can make "
        "the caller an administrator");
    auto limited = caller_with(role::owner);
    limited.limits.permissions = std::set{read_databases};
    EXPECT_EQ(sentence(limited, delete_databases),
              "key_permissions: the API key lacks the permission databases.delete; its subject can "
              "create a key that has it");
    limited.limits = {.projects = std::set<std::string, std::less<>>{"bank"}};
    EXPECT_EQ(
        sentence(limited, delete_databases),
        "key_projects: the API key lacks the permission databases.delete in project shop; its "
        "subject can create a key for the project, or one without projects");
}

TEST(lacking_permissions, are_those_of_the_role_that_the_caller_has_not) {
    using enum permission;
    const auto owner_permissions = domain::permissions_of(role::owner);
    EXPECT_TRUE(
        domain::lacking_permissions(caller_with(role::owner), owner_permissions, "shop").empty());
    EXPECT_EQ(
        domain::lacking_permissions(caller_with(role::developer), owner_permissions, "shop"),
        (std::vector{delete_databases, update_projects, update_members, update_service_accounts}));
    EXPECT_EQ(domain::lacking_permissions(caller_with(role::owner),
                                          domain::permissions_of(role::viewer), "bank")
                  .size(),
              4U);
    EXPECT_TRUE(owner_permissions.include(domain::permissions_of(role::viewer)));
    EXPECT_FALSE(domain::permissions_of(role::viewer).include(owner_permissions));
}

TEST(lacking_permissions, are_none_for_a_preset_if_the_caller_creates_databases) {
    using enum permission;
    const auto caller_of = [](permission action) {
        return domain::principal{.subject = "ada", .roles = {{"shop", {"builder", {action}}}}};
    };
    const auto lacking = [&](permission own, permission wanted) {
        return domain::lacking_permissions(caller_of(own), {wanted}, "shop");
    };
    EXPECT_TRUE(lacking(create_databases, create_databases_from_preset).empty());
    EXPECT_EQ(lacking(create_databases_from_preset, create_databases),
              std::vector{create_databases});
}

TEST(permission_set, grants_and_includes_what_its_permissions_include) {
    using enum permission;
    const domain::permission_set create{create_databases};
    const domain::permission_set preset{create_databases_from_preset};
    EXPECT_TRUE(create.grants(create_databases_from_preset));
    EXPECT_FALSE(create.contains(create_databases_from_preset));
    EXPECT_FALSE(preset.grants(create_databases));
    EXPECT_FALSE(create.grants(read_databases));
    EXPECT_TRUE(create.include(preset));
    EXPECT_TRUE(create.include({create_databases, create_databases_from_preset}));
    EXPECT_FALSE(preset.include(create));
    EXPECT_FALSE(create.include({create_databases_from_preset, read_databases}));
    EXPECT_TRUE(preset.include({}));
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
        const bool is_preset = row.action == permission::create_databases_from_preset;
        const bool is_in_limits = limits.permissions->contains(row.action) || is_preset;
        EXPECT_EQ(domain::credential_permits(administrator, row.action), is_in_limits) << text;
        EXPECT_EQ(domain::may(administrator, row.action, "shop"), is_in_limits) << text;
        EXPECT_EQ(domain::may_in_any_project(administrator, row.action), is_in_limits) << text;
        EXPECT_FALSE(domain::may(administrator, row.action, "bank")) << text;
        const bool is_create = row.action == permission::create_databases || is_preset;
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
    const domain::credential_limits creates{.permissions = std::set{permission::create_databases}};
    const domain::credential_limits presets{.permissions =
                                                std::set{permission::create_databases_from_preset}};
    EXPECT_TRUE(creates.include(presets));
    EXPECT_TRUE(presets.include(presets));
    EXPECT_FALSE(presets.include(creates));
    EXPECT_FALSE(presets.include(all));
    EXPECT_FALSE(reads.include(presets));
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
