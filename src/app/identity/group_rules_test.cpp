#include "app/identity/group_rules.hpp"

#include "test/support/group_rules_stage.hpp"

namespace {

using base::errc;
using domain::platform_role;

class group_rules : public fakes::group_rules_stage {};
const auto& method = fakes::issuer_method;

TEST_F(group_rules, end_the_roles_of_a_removed_rule_and_no_others) {
    grant(alone_, "shop", "developer");
    grant(alone_, "bank", "viewer");
    grant(alone_, "shop", "viewer", method, "corp.ben");
    grant(alone_, "shop", "developer", "oidc:partner", "partner.eve");
    grant(alone_, "shop", "developer", "root", "corp.dan");
    alone_.rules.use({rule("shop", "developer"), rule("bank", "viewer"), rule("shop", "viewer"),
                      rule("shop", "developer", "oidc:partner")});
    ASSERT_TRUE(run_once(alone_));
    EXPECT_EQ(role_in("shop"), "developer");
    alone_.rules.use({rule("bank", "viewer"), rule("shop", "viewer"),
                      rule("shop", "developer", "oidc:partner")});
    ASSERT_TRUE(run_once(alone_));
    EXPECT_EQ(role_in("shop"), "");
    EXPECT_EQ(role_in("bank"), "viewer");
    EXPECT_EQ(role_in("shop", "corp.ben"), "viewer");
    EXPECT_EQ(role_in("shop", "partner.eve"), "developer");
    EXPECT_EQ(role_in("shop", "corp.dan"), "developer");
    ASSERT_EQ(log_.lines_of("group_rule_removed").size(), 1U);
    EXPECT_EQ(log_.lines_of("group_rule_removed")[0],
              "group_rule_removed issuer=oidc:corp project=shop role=developer ended=1");

    alone_.rules.use({rule("shop", "developer", "oidc:partner")});  // without the issuer
    ASSERT_TRUE(run_once(alone_));
    EXPECT_EQ(role_in("bank"), "");
    EXPECT_EQ(role_in("shop", "corp.ben"), "");
    EXPECT_EQ(role_in("shop", "partner.eve"), "developer");
    EXPECT_FALSE(has_stored_rules());
}

TEST_F(group_rules, end_roles_at_a_start_with_another_configuration) {
    grant(alone_, "shop", "developer");
    alone_.rules.use({rule("shop", "developer")});
    ASSERT_TRUE(run_once(alone_));
    process restarted(*this, store_, false);
    ASSERT_TRUE(run<void>([&] { return restarted.load(); }));
    ASSERT_TRUE(run_once(restarted));  // its rules are not known yet
    EXPECT_TRUE(restarted.rules.is_in_use(rule("shop", "developer")));
    EXPECT_EQ(role_in("shop"), "developer");
    restarted.rules.use({});
    EXPECT_FALSE(restarted.rules.is_in_use(rule("shop", "developer")));
    ASSERT_TRUE(run_once(restarted));
    EXPECT_EQ(role_in("shop"), "");
}

TEST_F(group_rules, leave_roles_of_rules_that_no_release_has_recorded) {
    grant(alone_, "shop", "developer");
    alone_.rules.use({});
    run_times(alone_, 2);
    EXPECT_EQ(role_in("shop"), "developer");
    ASSERT_TRUE(log_in(alone_, person({})));
    EXPECT_EQ(role_in("shop"), "");
}

TEST_F(group_rules, leave_a_role_that_a_person_has_granted_again) {
    grant(alone_, "shop", "developer");
    alone_.rules.use({rule("shop", "developer")});
    ASSERT_TRUE(run_once(alone_));
    grant(alone_, "shop", "developer", "root");
    ASSERT_TRUE(log_in(alone_, person({{"shop", {"developer"}}})));
    alone_.rules.use({});
    ASSERT_TRUE(run_once(alone_));
    ASSERT_TRUE(log_in(alone_, person({})));
    EXPECT_EQ(role_in("shop"), "developer");
}

TEST_F(group_rules, give_back_the_role_that_a_person_had_granted_before) {
    ASSERT_TRUE(run<app::shared_role>([&] {
        return alone_.roles.create_role(
            {.name = "reader", .permissions = std::vector<std::string>{"projects.read"}}, admin_);
    }));
    alone_.rules.use({rule("shop", "developer"), rule("shop", "owner"), rule("shop", "viewer")});
    ASSERT_TRUE(run_once(alone_));
    const auto log_in_with = [&](std::vector<std::string> roles) {
        auto user = person({{"shop", std::move(roles)}});
        if (user.roles.at("shop").empty()) user.roles.clear();
        EXPECT_TRUE(log_in(alone_, user));
        return role_in("shop");
    };
    grant(alone_, "shop", "reader", "root");
    EXPECT_EQ(log_in_with({"developer"}), "developer");
    EXPECT_EQ(log_in_with({"owner"}), "owner");
    EXPECT_EQ(log_in_with({}), "reader");
    const auto restored = alone_.members.members()->at("shop").at("corp.ada");
    EXPECT_EQ(restored->created_by, "root");
    EXPECT_EQ(restored->replaced, std::nullopt);

    grant(alone_, "shop", "developer", "root");
    EXPECT_EQ(log_in_with({"owner"}), "owner");
    EXPECT_EQ(log_in_with({"viewer"}), "developer");  // less than the person has granted
    EXPECT_EQ(log_in_with({"owner"}), "owner");
    alone_.rules.use({});
    ASSERT_TRUE(run_once(alone_));
    EXPECT_EQ(role_in("shop"), "developer");

    // A custom role that would come back cannot be deleted.
    alone_.rules.use({rule("shop", "owner")});
    grant(alone_, "shop", "reader", "root");
    EXPECT_EQ(log_in_with({"owner"}), "owner");
    EXPECT_EQ(run<void>([&] { return alone_.roles.delete_role("reader", admin_); }).error().reason,
              "in_use");
    grant(alone_, "shop", "viewer", "root");
    EXPECT_TRUE(run<void>([&] { return alone_.roles.delete_role("reader", admin_); }));
}

TEST_F(group_rules, end_no_role_that_another_request_has_changed) {
    for (const bool has_replaced : {false, true}) {
        if (has_replaced) grant(here_, "shop", "viewer", "root");
        grant(here_, "shop", "owner");
        refresh(there_);
        const auto seen = there_.members.members()->at("shop").at("corp.ada");
        EXPECT_EQ(seen->replaced.has_value(), has_replaced);
        const auto end_at = [&](process& target) {
            return run<bool>([&] { return target.members.end_group_role(seen); });
        };
        grant(here_, "shop", "developer", "root");
        EXPECT_EQ(end_at(there_), false);
        EXPECT_EQ(role_in("shop"), "developer");
        ASSERT_TRUE(run<void>([&] { return here_.members.forget_subject("corp.ada"); }));
        EXPECT_EQ(end_at(here_), false);  // there is none
        EXPECT_EQ(role_in("shop"), "");
        refresh(there_);
    }
    grant(here_, "shop", "viewer", "root");
    grant(here_, "shop", "owner");
    const auto seen = here_.members.members()->at("shop").at("corp.ada");
    store_.fail_next(2);
    EXPECT_EQ(run<bool>([&] { return here_.members.end_group_role(seen); }).error().code,
              errc::unavailable);
    EXPECT_EQ(role_in("shop"), "owner");
}

TEST_F(group_rules, let_a_grantor_end_no_replaced_role_with_more_permissions_than_it_has) {
    grant(here_, "shop", "developer", "root");
    grant(here_, "shop", "owner");
    grant(here_, "shop", "viewer");  // the groups give less now
    const auto limited = std::make_shared<const domain::principal>(
        domain::principal{.subject = "eve", .roles = {{"shop", domain::role::viewer}}});
    EXPECT_EQ(run<void>([&] {
                  return here_.members.delete_member("shop", "corp.ada", {.subject = "eve"},
                                                     limited);
              })
                  .error()
                  .reason,
              "exceeds_grantor");
}

TEST_F(group_rules, leave_the_roles_of_the_rules_of_another_replica) {
    grant(here_, "shop", "developer");
    here_.rules.use({rule("shop", "developer")});
    there_.rules.use({});
    for (int count = 0; count < 5 * app::group_rules::removal_age; ++count) {
        ASSERT_TRUE(run_once(here_));
        ASSERT_TRUE(run_once(there_));
    }
    EXPECT_EQ(role_in("shop"), "developer");
    EXPECT_TRUE(there_.rules.is_in_use(rule("shop", "developer")));
    refresh(there_);
    ASSERT_TRUE(log_in(there_, person({})));  // at the replica without the rule
    EXPECT_EQ(role_in("shop"), "developer");

    // The last replica has the new configuration.
    here_.rules.use({});
    run_times(there_, app::group_rules::removal_age - 2 * app::group_rules::confirmation_age);
    EXPECT_EQ(role_in("shop"), "developer");
    run_times(there_, 2 * app::group_rules::confirmation_age);
    EXPECT_EQ(role_in("shop"), "");
    EXPECT_FALSE(has_stored_rules());
    run_times(here_, 2 * app::group_rules::removal_age);
    EXPECT_FALSE(has_stored_rules());
}

// The replica with the rule fails in every other call, and writes whenever it can.
TEST_F(group_rules, are_confirmed_by_a_replica_that_is_often_interrupted) {
    grant(here_, "shop", "developer");
    here_.rules.use({rule("shop", "developer")});
    there_.rules.use({});
    ASSERT_TRUE(run_once(here_));
    for (int count = 0; count < 3 * app::group_rules::removal_age; ++count) {
        store_.fail_next(1);
        EXPECT_EQ(run_once(here_).error().code, errc::unavailable);
        ASSERT_TRUE(run_once(there_));
        ASSERT_TRUE(run_once(here_));
        ASSERT_TRUE(run_once(there_));
    }
    EXPECT_EQ(role_in("shop"), "developer");
}

TEST_F(group_rules, are_not_removed_after_an_outage_of_the_store) {
    grant(here_, "shop", "developer");
    here_.rules.use({rule("shop", "developer")});
    there_.rules.use({});
    ASSERT_TRUE(run_once(here_));
    run_times(there_, app::group_rules::removal_age);
    store_.fail_next(1);
    EXPECT_EQ(run_once(there_).error().code, errc::unavailable);
    run_times(there_, app::group_rules::removal_age - 1);
    EXPECT_EQ(role_in("shop"), "developer");
    run_times(there_, 1);
    EXPECT_EQ(role_in("shop"), "");
}

TEST_F(group_rules, stay_if_a_replica_confirms_them_while_they_are_removed) {
    process removing(*this, gate_, true);
    here_.rules.use({rule("shop", "developer")});
    ASSERT_TRUE(run_once(here_));
    removing.rules.use({});
    run_times(removing, app::group_rules::removal_age);
    gate_.close_gate();
    aio::task_group group(loop_.executor());
    std::optional<base::outcome<void>> removed;
    group.spawn([&]() -> aio::task<> {
        removed = co_await removing.rules.run_once();
        co_return base::ok();
    });
    fakes::poll_until_idle(loop_);
    ASSERT_EQ(gate_.waiting(), 1);
    EXPECT_TRUE(run_once(removing)) << "one run at a time";
    run_times(here_, app::group_rules::confirmation_age + 2);
    gate_.open_gate();
    while (group.size() > 0) loop_.poll();
    ASSERT_TRUE(removed && *removed);
    EXPECT_TRUE(has_stored_rules());
    EXPECT_TRUE(removing.rules.is_in_use(rule("shop", "developer")));
}

TEST_F(group_rules, go_on_after_a_failed_write) {
    grant(alone_, "shop", "developer");
    alone_.rules.use({rule("shop", "developer")});
    store_.fail_after(1, 2);  // the confirmation, and the read after it
    EXPECT_EQ(run_once(alone_).error().code, errc::unavailable);
    ASSERT_TRUE(run_once(alone_));
    alone_.rules.use({});
    // The reads of the members and the users; the end of the role; the end of the rule.
    for (const auto& [calls, failures] : {std::pair(1, 1), {2, 1}, {3, 2}, {4, 2}}) {
        store_.fail_after(calls, failures);
        EXPECT_EQ(run_once(alone_).error().code, errc::unavailable) << calls;
        EXPECT_TRUE(has_stored_rules());
    }
    ASSERT_TRUE(run_once(alone_));
    EXPECT_FALSE(has_stored_rules());
    EXPECT_EQ(role_in("shop"), "");
}

TEST_F(group_rules, end_the_role_of_administrators) {
    auto user = person({});
    user.manages_administrators = user.is_administrator = true;
    alone_.rules.use({administrators()});
    ASSERT_TRUE(run_once(alone_));
    ASSERT_TRUE(log_in(alone_, user));
    EXPECT_EQ(role_of(alone_, "corp.ada"), platform_role::admin);
    EXPECT_EQ(alone_.users.find("corp.ada")->role_granted_by, method);
    process restarted(*this, store_, false);
    ASSERT_TRUE(run<void>([&] { return restarted.load(); }));
    restarted.rules.use({});
    store_.fail_after(3, 2);
    EXPECT_EQ(run_once(restarted).error().code, errc::unavailable);
    ASSERT_TRUE(run_once(restarted));
    EXPECT_EQ(role_of(restarted, "corp.ada"), platform_role::none);
    EXPECT_EQ(log_.lines_of("no_administrator_left").size(), 1U);
}

TEST_F(group_rules, end_the_role_of_an_administrator_at_its_next_login) {
    auto user = person({});
    user.manages_administrators = user.is_administrator = true;
    here_.rules.use({administrators()});
    ASSERT_TRUE(run_once(here_));
    ASSERT_TRUE(log_in(here_, user));
    ASSERT_TRUE(run_once(there_));
    refresh(there_);
    there_.rules.use({});
    ASSERT_TRUE(run_once(there_));
    ASSERT_TRUE(log_in(there_, person({})));
    EXPECT_EQ(role_of(there_, "corp.ada"), platform_role::admin);  // the rule of here_
    alone_.rules.use({});
    refresh(alone_);
    ASSERT_TRUE(log_in(alone_, person({})));
    EXPECT_EQ(role_of(alone_, "corp.ada"), platform_role::none);
}

TEST_F(group_rules, leave_an_administrator_that_a_person_has_made) {
    auto user = person({});
    user.manages_administrators = user.is_administrator = true;
    alone_.rules.use({administrators()});
    ASSERT_TRUE(run_once(alone_));
    ASSERT_TRUE(log_in(alone_, user));
    ASSERT_TRUE(run<app::shared_user>(
        [&] { return alone_.users.patch_user("corp.ada", {.role = "admin"}, admin_); }));
    alone_.rules.use({});
    ASSERT_TRUE(run_once(alone_));
    ASSERT_TRUE(log_in(alone_, person({})));
    EXPECT_EQ(role_of(alone_, "corp.ada"), platform_role::admin);
    EXPECT_EQ(run<bool>([&] { return alone_.users.end_group_role("corp.ada", method); }), false);
    EXPECT_EQ(
        run<bool>([&] { return alone_.users.end_group_role("unknown", method); }).error().code,
        errc::not_found);
}

TEST_F(group_rules, of_a_renamed_issuer_end_at_the_next_login) {
    grant(alone_, "shop", "developer", "oidc:former");
    grant(alone_, "bank", "viewer", "oidc:former");
    alone_.rules.use({rule("shop", "viewer")});
    ASSERT_TRUE(log_in(alone_, person({{"shop", {"viewer"}}})));
    EXPECT_EQ(role_in("shop"), "viewer");
    EXPECT_EQ(role_in("bank"), "");
    EXPECT_EQ(alone_.members.members()->at("shop").at("corp.ada")->created_by, method);
}

TEST_F(group_rules, report_a_store_that_is_unavailable_at_a_login) {
    grant(alone_, "shop", "developer");
    ASSERT_TRUE(log_in(alone_, person({})));
    alone_.rules.use({});
    store_.fail_next(2);
    EXPECT_EQ(log_in(alone_, person({})).error().code, errc::unavailable);
    EXPECT_EQ(role_in("shop"), "developer");
}

TEST_F(group_rules, that_cannot_be_read_are_confirmed_again) {
    ASSERT_TRUE(run<ports::revision>([&] {
        return store_.put({.collection = "group_rules", .content = {.id = method, .body = "{}"}});
    }));
    ASSERT_TRUE(run<void>([&] { return alone_.rules.load(); }));
    EXPECT_EQ(log_.lines_of("group_rules_not_readable").size(), 1U);
    alone_.rules.use({rule("shop", "developer")});
    ASSERT_TRUE(run_once(alone_));
    const auto stored = run<ports::document>([&] { return store_.get("group_rules", method); });
    EXPECT_TRUE(stored->body.contains(R"("role":"developer")")) << stored->body;
}

TEST_F(group_rules, do_not_age_by_changes_of_the_configuration) {
    grant(here_, "shop", "developer");
    here_.rules.use({rule("shop", "developer")});
    ASSERT_TRUE(run_once(here_));
    for (int count = 0; count < 2 * app::group_rules::removal_age; ++count) {
        there_.rules.use({});
        ASSERT_TRUE(run_once(there_));
    }
    EXPECT_EQ(role_in("shop"), "developer");
    run_times(there_, app::group_rules::removal_age);
    EXPECT_EQ(role_in("shop"), "");
}

TEST(confirmed_rules, are_read_as_they_were_written) {
    const app::confirmed_rules record{
        .method = method,
        .confirmations = {{{.method = method, .project = "shop", .role = "viewer"}, 3},
                          {{.method = method, .project = "", .role = "admin"}, 1}}};
    EXPECT_EQ(app::decode_confirmed_rules(app::encode(record)).value(), record);
    for (const auto* text :
         {"", "{}", R"({"v":2,"method":"oidc:corp","rules":[]})", R"({"v":1,"rules":[]})",
          R"({"v":1,"method":"oidc:corp"})", R"({"v":1,"method":"oidc:corp","rules":[7]})",
          R"({"v":1,"method":"oidc:corp","rules":[{"project":"a","role":"b"}]})"}) {
        EXPECT_FALSE(app::decode_confirmed_rules(text)) << text;
    }
}

}  // namespace
