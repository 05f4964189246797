#include "domain/service_account_rules.hpp"

#include <gtest/gtest.h>

namespace {

using base::errc;
using domain::role;

const domain::principal admin{.subject = "admin", .is_administrator = true};
const domain::principal owner{.subject = "ada", .roles = {{"shop", role::owner}}};
const domain::principal viewer{.subject = "vic", .roles = {{"shop", role::viewer}}};

std::string codes(const domain::service_account_request& wanted) {
    const auto account = domain::validate(wanted, admin, base::instant{});
    if (account) return "";
    std::string text;
    for (const auto& field : account.error().fields) text += field.pointer + "=" + field.code + ";";
    return text;
}

TEST(service_account, has_a_subject_that_no_user_can_have) {
    EXPECT_EQ(domain::subject_of_account("ci"), "service_account:ci");
    EXPECT_EQ(domain::account_of_subject("service_account:ci"), "ci");
    for (const auto* other : {"ci", "service_account:", "service_account:a:b", "service_account:-",
                              "system:serviceaccount:shop:ci", "Service_account:ci"}) {
        EXPECT_FALSE(domain::account_of_subject(other)) << other;
    }
}

TEST(service_account, reports_all_field_errors) {
    EXPECT_EQ(codes({.name = "ci"}), "");
    EXPECT_EQ(codes({.name = "ci", .description = "deploys", .project = "shop"}), "");
    EXPECT_EQ(codes({}), "/name=required;");
    EXPECT_EQ(codes({.name = "a b", .description = std::string(257, 'a'), .project = "A"}),
              "/name=bad_name;/description=out_of_range;/project=bad_name;");
}

TEST(service_account, is_managed_by_the_owners_of_its_project) {
    const auto code = [](const domain::principal& caller, std::string_view project) {
        const auto checked = domain::check_account_access(caller, project);
        return checked ? std::string_view("ok") : base::name(checked.error().code);
    };
    EXPECT_EQ(code(owner, "shop"), "ok");
    EXPECT_EQ(code(viewer, "shop"), "denied");
    EXPECT_EQ(code(owner, "bank"), "not_found");
    EXPECT_EQ(code(owner, ""), "denied");  // of the platform
    EXPECT_EQ(code(admin, ""), "ok");
    EXPECT_EQ(code(admin, "bank"), "ok");
    auto limited = admin;
    limited.limits.projects = {"shop"};
    EXPECT_EQ(code(limited, "shop"), "ok");
    EXPECT_EQ(code(limited, "bank"), "not_found");
    EXPECT_EQ(code(limited, ""), "denied");
}

TEST(service_account, changes_its_description_and_state_alone) {
    const domain::service_account present{.name = "ci", .project = "shop"};
    const auto changed =
        domain::apply({.description = "deploys", .state = "disabled"}, present).value();
    EXPECT_EQ(changed.description, "deploys");
    EXPECT_EQ(changed.state, domain::account_state::disabled);
    EXPECT_EQ(changed.project, "shop");
    const auto failed = domain::apply({.state = "off"}, present);
    EXPECT_EQ(failed.error().fields.at(0).pointer, "/state");
}

TEST(service_account, gives_no_caller_a_permission_that_it_lacks) {
    const domain::role_map roles{{"shop", role::owner}};
    EXPECT_TRUE(domain::check_account_roles(roles, owner));
    EXPECT_TRUE(domain::check_account_roles(roles, admin));
    EXPECT_TRUE(domain::check_account_roles({}, viewer));
    const domain::principal keeper{
        .subject = "kim",
        .roles = {{"shop", {"keeper", {domain::permission::update_service_accounts}}}}};
    EXPECT_EQ(domain::check_account_roles(roles, keeper).error().reason, "exceeds_grantor");
    EXPECT_FALSE(domain::check_account_roles({{"bank", role::viewer}}, owner));
}

TEST(service_account, may_be_a_member_of_one_project) {
    const domain::service_account account{.name = "ci", .project = "shop"};
    EXPECT_TRUE(domain::check_account_member(account, "shop"));
    EXPECT_EQ(domain::check_account_member(account, "bank").error().fields.at(0).code, "not_found");
    EXPECT_TRUE(domain::check_account_member({.name = "backup"}, "bank"));
}

}  // namespace
