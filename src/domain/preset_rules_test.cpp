#include "domain/preset_rules.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace {

using domain::create_request;
using domain::permission;
using names = std::set<std::string, std::less<>>;

// A member of the project shop with a custom role.
domain::principal member_with(domain::permission_set permissions) {
    permissions.insert(permission::read_projects);
    return {.subject = "ada", .roles = {{"shop", {"self-service", permissions}}}};
}
const domain::principal preset_only = member_with({permission::create_databases_from_preset});

create_request preset_in(const std::string& project) {
    return {.project = project,
            .name = "orders",
            .engine = "postgres",
            .size = domain::size_request{.preset = "medium"}};
}

// Returns "allowed", "denied", or the pointers of the rejected members.
std::string verdict(const domain::principal& caller, const create_request& wanted) {
    const auto checked = domain::check_creation(caller, wanted);
    if (checked) return "allowed";
    const auto& failure = checked.error();
    EXPECT_EQ(failure.code, base::errc::denied);
    const bool exceeds_preset = failure.cause == domain::creation_cause::exceeds_preset;
    EXPECT_EQ(exceeds_preset, !failure.fields.empty());
    EXPECT_EQ(failure.reason, exceeds_preset ? "exceeds_preset" : "");
    if (!exceeds_preset) return "denied";
    std::string text;
    for (const auto& field : failure.fields) {
        EXPECT_EQ(field.code, "exceeds_preset");
        EXPECT_TRUE(failure.text.contains(field.pointer)) << failure.text;
        text += text.empty() ? field.pointer : " " + field.pointer;
    }
    return text;
}

struct edit {
    const char* expected;  // of a caller with create_databases_from_preset alone
    std::function<void(create_request&)> apply;
};

const std::vector<edit>& edits() {
    static const std::vector<edit> list{
        {"allowed", [](create_request&) {}},
        {"allowed", [](create_request& wanted) { wanted.size->preset = "2xlarge"; }},
        {"allowed", [](create_request& wanted) { wanted.size.reset(); }},
        // Not valid, which is for validate_create() to report.
        {"allowed", [](create_request& wanted) { wanted.size->preset.reset(); }},
        {"allowed", [](create_request& wanted) { wanted.size->preset = "gigantic"; }},
        {"allowed", [](create_request& wanted) { wanted.name.reset(); }},
        {"allowed", [](create_request& wanted) { wanted.engine = "unknown"; }},
        {"allowed",
         [](create_request& wanted) {
             wanted.unread.push_back({"/version", "wrong_type", "must be a string, is a number"});
         }},
        {"/version", [](create_request& wanted) { wanted.version = ""; }},
        {"/topology", [](create_request& wanted) { wanted.topology.emplace(); }},
        {"/size/cpu", [](create_request& wanted) { wanted.size->cpu = "1"; }},
        {"/size/memory", [](create_request& wanted) { wanted.size->memory = "2Gi"; }},
        {"/size/cpu /size/memory",
         [](create_request& wanted) {
             wanted.size = domain::size_request{.cpu = "1", .memory = "2Gi"};
         }},
        {"/storage", [](create_request& wanted) { wanted.storage.emplace(); }},
        {"/labels", [](create_request& wanted) { wanted.labels.emplace(); }},
        {"/deletion_protection",
         [](create_request& wanted) { wanted.deletion_protection = false; }},
        {"/monitoring", [](create_request& wanted) { wanted.monitoring = true; }},
        {"/schedule", [](create_request& wanted) { wanted.schedule.emplace(); }},
        {"/version /storage",
         [](create_request& wanted) {
             wanted.version = "16";
             wanted.storage = domain::storage_request{.size = "10Gi"};
         }},
    };
    return list;
}

TEST(check_creation, allows_exactly_a_preset_to_a_caller_without_create_databases) {
    for (const auto& edit : edits()) {
        auto wanted = preset_in("shop");
        edit.apply(wanted);
        EXPECT_EQ(verdict(preset_only, wanted), edit.expected);
    }
}

TEST(check_creation, allows_every_request_to_a_caller_with_create_databases) {
    const std::vector<domain::principal> callers{
        {.subject = "root", .is_administrator = true},
        {.subject = "ada", .roles = {{"shop", domain::role::developer}}},
        {.subject = "ada", .roles = {{"shop", domain::role::owner}}},
        member_with({permission::create_databases}),
        member_with({permission::create_databases, permission::create_databases_from_preset}),
        {.subject = "root",
         .is_administrator = true,
         .limits = {.permissions = std::set{permission::create_databases},
                    .projects = names{"shop"}}}};
    for (const auto& caller : callers) {
        for (const auto& edit : edits()) {
            auto wanted = preset_in("shop");
            edit.apply(wanted);
            EXPECT_EQ(verdict(caller, wanted), "allowed") << caller.subject;
        }
    }
}

// The narrower one of role and key decides.
TEST(check_creation, combines_the_role_with_the_limits_of_the_key) {
    struct row {
        domain::permission_set role;
        std::set<permission> key;
        const char* preset;
        const char* edited;
    };
    using enum permission;
    const std::vector<row> rows{
        {{create_databases}, {create_databases_from_preset}, "allowed", "/version"},
        {{create_databases_from_preset}, {create_databases}, "allowed", "/version"},
        {{create_databases_from_preset}, {create_databases_from_preset}, "allowed", "/version"},
        {{create_databases}, {create_databases}, "allowed", "allowed"},
        {{create_databases}, {read_databases}, "denied", "denied"},
        {{update_databases, operate_databases}, {create_databases}, "denied", "denied"},
    };
    auto edited = preset_in("shop");
    edited.version = "16";
    for (std::size_t i = 0; i < rows.size(); ++i) {
        auto caller = member_with(rows[i].role);
        caller.limits.permissions = rows[i].key;
        EXPECT_EQ(verdict(caller, preset_in("shop")), rows[i].preset) << i;
        EXPECT_EQ(verdict(caller, edited), rows[i].edited) << i;
    }
}

TEST(check_creation, denies_other_projects_and_keys_of_databases) {
    auto edited = preset_in("bank");
    edited.version = "16";
    EXPECT_EQ(verdict(preset_only, preset_in("bank")), "denied");
    EXPECT_EQ(verdict(preset_only, edited), "denied");
    auto limited = preset_only;
    limited.limits.databases = names{"db-a"};
    EXPECT_EQ(verdict(limited, preset_in("shop")), "denied");
    limited.limits = {.projects = names{"bank"}};
    EXPECT_EQ(verdict(limited, preset_in("shop")), "denied");
    EXPECT_EQ(verdict(preset_only, {}), "allowed") << "no project: it is not valid";
}

TEST(check_creation, names_the_members_and_the_permission_that_allows_them) {
    auto wanted = preset_in("shop");
    wanted.version = "16";
    wanted.size->cpu = "4";
    const auto denied = domain::check_creation(preset_only, wanted);
    ASSERT_FALSE(denied);
    EXPECT_EQ(denied.error().text,
              "/version, /size/cpu: must not be set with the permission "
              "databases.create_from_preset alone, and the caller lacks the permission "
              "databases.create in project shop, where its role is self-service; an owner of the "
              "project can grant the role developer");
    EXPECT_EQ(denied.error().fields[1],
              (base::field_error{"/size/cpu", "exceeds_preset",
                                 "must not be set without the permission databases.create"}));
}

}  // namespace
