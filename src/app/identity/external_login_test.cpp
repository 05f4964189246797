#include "app/identity/external_login.hpp"

#include "test/support/group_rules_stage.hpp"

namespace {

using domain::platform_role;

class external_login : public fakes::group_rules_stage {};

// The second replica has read nothing that the first one wrote.
TEST_F(external_login, reads_what_another_replica_has_written) {
    const std::set<app::group_role> rules{administrators(), rule("shop", "developer"),
                                          rule("shop", "viewer")};
    here_.rules.use(rules);
    there_.rules.use(rules);
    ASSERT_TRUE(run_once(here_));
    ASSERT_TRUE(run_once(there_));
    auto user = person({{"shop", {"developer"}}});
    user.manages_administrators = user.is_administrator = true;
    ASSERT_TRUE(log_in(here_, user));
    user.roles.clear();
    user.is_administrator = false;
    ASSERT_TRUE(log_in(there_, user));  // without the groups
    EXPECT_EQ(role_in("shop"), "");
    EXPECT_EQ(role_of(there_, "corp.ada"), platform_role::none);

    grant(here_, "shop", "owner", "root");
    user.roles = {{"shop", {"viewer"}}};
    ASSERT_TRUE(log_in(there_, user));
    EXPECT_EQ(role_in("shop"), "owner");  // a person has granted it

    ASSERT_TRUE(run<void>([&] { return here_.members.forget_subject("corp.ada"); }));
    refresh(here_);
    ASSERT_TRUE(run<app::shared_user>(
        [&] { return here_.users.patch_user("corp.ada", {.state = "disabled"}, admin_); }));
    ASSERT_TRUE(log_in(there_, user));  // the sessions of this test accept it
    EXPECT_EQ(role_in("shop"), "");
}

TEST_F(external_login, reads_the_rules_of_another_replica) {
    here_.rules.use({rule("shop", "developer")});
    there_.rules.use({});
    ASSERT_TRUE(run_once(here_));
    ASSERT_TRUE(log_in(here_, person({{"shop", {"developer"}}})));
    refresh(there_);  // not the rules
    ASSERT_TRUE(log_in(there_, person({})));
    EXPECT_EQ(role_in("shop"), "developer");
}

TEST_F(external_login, keeps_a_wider_role_that_a_person_grants_at_the_same_time) {
    grant(here_, "shop", "owner", "root");
    grant(there_, "shop", "viewer");
    EXPECT_EQ(role_in("shop"), "owner");
    EXPECT_EQ(there_.members.members()->at("shop").at("corp.ada")->created_by, "root");
}

// The store responds to the login after the rule has ended.
TEST_F(external_login, gives_no_role_of_a_rule_that_ends_at_the_same_time) {
    process slow(*this, gate_, false);
    slow.rules.use({rule("shop", "developer")});
    ASSERT_TRUE(run_once(slow));
    ASSERT_TRUE(log_in(slow, person({})));
    gate_.close_gate();
    aio::task_group group(loop_.executor());
    group.spawn([&]() -> aio::task<> {
        const auto tokens = co_await slow.logins.log_in(person({{"shop", {"developer"}}}));
        EXPECT_TRUE(tokens);
        co_return base::ok();
    });
    fakes::poll_until_idle(loop_);
    ASSERT_EQ(gate_.waiting(), 1);
    slow.rules.use({});
    gate_.open_gate();
    while (group.size() > 0) loop_.poll();
    EXPECT_EQ(role_in("shop"), "");
}

TEST_F(external_login, leaves_no_role_to_a_user_that_is_deleted_at_the_same_time) {
    process slow(*this, gate_, true);
    const std::set<app::group_role> rules{rule("shop", "developer")};
    slow.rules.use(rules);
    ASSERT_TRUE(run_once(slow));
    ASSERT_TRUE(log_in(slow, person({})));
    refresh(here_);
    gate_.close_gate();
    aio::task_group group(loop_.executor());
    group.spawn([&]() -> aio::task<> {
        (void)co_await slow.logins.log_in(person({{"shop", {"developer"}}}));
        co_return base::ok();
    });
    fakes::poll_until_idle(loop_);
    ASSERT_EQ(gate_.waiting(), 1);
    ASSERT_TRUE(run<void>([&] { return here_.users.delete_user("corp.ada", admin_); }));
    gate_.open_gate();
    while (group.size() > 0) loop_.poll();
    EXPECT_EQ(role_in("shop"), "");
}

TEST_F(external_login, takes_over_the_roles_of_a_renamed_issuer) {
    const std::string renamed = "oidc:renamed";
    here_.rules.use({administrators(), rule("shop", "developer")});
    there_.rules.use({rule("", "admin", renamed), rule("shop", "developer", renamed)});
    ASSERT_TRUE(run_once(here_));
    ASSERT_TRUE(run_once(there_));
    auto user = person({{"shop", {"developer"}}});
    user.manages_administrators = user.is_administrator = true;
    grant(here_, "shop", "viewer", "root");
    ASSERT_TRUE(log_in(here_, user));
    refresh(there_);
    user.method = renamed;
    ASSERT_TRUE(log_in(there_, user));
    here_.rules.use({});
    run_times(there_, 2 * app::group_rules::removal_age);
    EXPECT_EQ(log_.lines_of("group_rule_removed").size(), 2U);
    EXPECT_EQ(role_in("shop"), "developer");
    EXPECT_EQ(role_of(there_, "corp.ada"), platform_role::admin);
    there_.rules.use({rule("", "admin", renamed)});
    run_times(there_, 2 * app::group_rules::removal_age);
    EXPECT_EQ(role_in("shop"), "viewer");
}

}  // namespace
