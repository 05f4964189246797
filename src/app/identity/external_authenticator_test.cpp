#include "app/identity/external_authenticator.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "test/support/fake_authenticator.hpp"
#include "test/support/fake_token_verifier.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/poll_until_done.hpp"
#include "test/support/recording_log.hpp"
#include "test/support/token_verifier_contract.hpp"

namespace {

using namespace std::chrono_literals;
using base::errc;

constexpr std::string_view subject = "system:serviceaccount:shop:ci";

class fixed_members final : public app::member_commands {
  public:
    aio::task<app::granted_role> put_member(domain::project_member, app::caller,
                                            app::shared_principal) override {
        co_return base::fail(errc::unsupported, "fixed");
    }
    aio::task<void> delete_member(std::string, std::string, app::caller,
                                  app::shared_principal) override {
        co_return base::fail(errc::unsupported, "fixed");
    }
    aio::task<bool> end_group_role(app::shared_member) override {
        co_return base::fail(errc::unsupported, "fixed");
    }
    [[nodiscard]] std::shared_ptr<const app::member_index> members() const override {
        return index_;
    }
    void grant(const std::string& project, const std::string& role,
               const std::string& grantor = "root",
               std::optional<domain::replaced_role> replaced = std::nullopt) {
        auto next = std::make_shared<app::member_index>(*index_);
        (*next)[project][std::string(subject)] = std::make_shared<const domain::project_member>(
            domain::project_member{.project = project,
                                   .subject = std::string(subject),
                                   .role = role,
                                   .created_by = grantor,
                                   .replaced = std::move(replaced)});
        index_ = next;
    }

  private:
    std::shared_ptr<const app::member_index> index_ = std::make_shared<app::member_index>();
};

class fixed_roles final : public app::role_commands {
  public:
    aio::task<app::shared_role> create_role(domain::role_request, app::shared_principal) override {
        co_return base::fail(errc::unsupported, "fixed");
    }
    aio::task<app::shared_role> replace_role(std::string, domain::role_request, app::seen_versions,
                                             app::shared_principal) override {
        co_return base::fail(errc::unsupported, "fixed");
    }
    aio::task<void> delete_role(std::string, app::shared_principal) override {
        co_return base::fail(errc::unsupported, "fixed");
    }
    [[nodiscard]] std::shared_ptr<const app::role_index> roles() const override { return index_; }
    void define(const std::string& name, domain::permission_set permissions) {
        auto next = std::make_shared<app::role_index>(*index_);
        (*next)[name] = std::make_shared<const domain::custom_role>(
            domain::custom_role{.name = name, .permissions = permissions});
        index_ = next;
    }

  private:
    std::shared_ptr<const app::role_index> index_ = std::make_shared<app::role_index>();
};

class fixed_users final : public app::user_commands {
  public:
    aio::task<app::shared_user> create_user(domain::user_request, app::shared_principal) override {
        co_return base::fail(errc::unsupported, "fixed");
    }
    aio::task<app::shared_user> patch_user(std::string, domain::user_patch,
                                           app::shared_principal) override {
        co_return base::fail(errc::unsupported, "fixed");
    }
    aio::task<app::shared_user> set_group_role(std::string, domain::platform_role,
                                               app::shared_principal) override {
        co_return base::fail(errc::unsupported, "fixed");
    }
    aio::task<void> delete_user(std::string, app::shared_principal) override {
        co_return base::fail(errc::unsupported, "fixed");
    }
    aio::task<void> set_password(std::string, domain::password_request,
                                 app::shared_principal) override {
        co_return base::fail(errc::unsupported, "fixed");
    }
    [[nodiscard]] std::shared_ptr<const app::user_index> users() const override { return index_; }
    void put(domain::user user) {
        auto next = std::make_shared<app::user_index>(*index_);
        auto name = user.name;
        (*next)[name] = {.record = std::make_shared<const domain::user>(std::move(user))};
        index_ = next;
    }

  private:
    std::shared_ptr<const app::user_index> index_ = std::make_shared<app::user_index>();
};

class external_authenticator : public testing::Test {
  protected:
    external_authenticator() {
        own_.add({.subject = "ada"});
        know("ext.good", 1h);
        auth_.use({shared(verifier_)});
    }
    void know(const std::string& token, std::chrono::seconds lifetime) {
        verifier_.identities[token] = {.subject = std::string(subject),
                                       .credential = "kubernetes",
                                       .expires_at = clock_.utc_now() + lifetime};
    }
    // The test owns the verifier.
    static std::shared_ptr<ports::token_verifier> shared(ports::token_verifier& verifier) {
        return {std::shared_ptr<void>(), &verifier};
    }
    static std::string bearer(std::string_view token) { return fmt::format("Bearer {}", token); }
    // Returns the subject, or the reason of the failure.
    std::string authenticate(std::string_view token) {
        const auto principal = auth_.authenticate({.authorization = bearer(token), .client = ""});
        return principal ? (*principal)->subject : principal.error().reason;
    }
    base::outcome<void> look_up(std::string_view token) {
        return fakes::poll_until_done<void>(loop_, [&] { return auth_.look_up(bearer(token)); });
    }
    // Like the API: looks a token up if it must be.
    std::string ask(std::string_view token) {
        auto reason = authenticate(token);
        if (reason != "needs_lookup") return reason;
        const auto result = look_up(token);
        return result ? authenticate(token) : result.error().reason;
    }

    aio::loop loop_;
    fakes::manual_clock clock_;
    fakes::recording_log log_;
    fakes::fake_authenticator own_;
    fakes::fake_token_verifier verifier_;
    fixed_members members_;
    fixed_roles roles_;
    fixed_users users_;
    app::external_authenticator auth_{{.executor = loop_.executor(),
                                       .own = own_,
                                       .members = members_,
                                       .roles = roles_,
                                       .users = users_,
                                       .clock = clock_,
                                       .log = log_},
                                      {.lookup_timeout = 20ms, .tokens_max = 4}};
};

TEST_F(external_authenticator, verifies_a_token_once) {
    EXPECT_EQ(authenticate("ext.good"), "needs_lookup");
    EXPECT_EQ(ask("ext.good"), subject);
    EXPECT_EQ(ask("ext.good"), subject);
    EXPECT_EQ(verifier_.calls, 1);
}

TEST_F(external_authenticator, leaves_other_credentials_to_the_platform) {
    EXPECT_EQ(ask("ada"), "ada");
    EXPECT_EQ(ask("bob"), "unauthenticated");
    EXPECT_EQ(ask("a.b.c"), "unauthenticated");
    EXPECT_EQ(auth_.authenticate({.authorization = "", .client = ""}).error().code, errc::denied);
    EXPECT_EQ(auth_.authenticate({.authorization = "Basic ext.good", .client = ""}).error().code,
              errc::denied);
    EXPECT_EQ(verifier_.calls, 0);
}

TEST_F(external_authenticator, denies_a_rejected_token_for_10_seconds_without_a_call) {
    EXPECT_EQ(ask("ext.bad"), "unauthenticated");
    know("ext.bad", 1h);
    EXPECT_EQ(ask("ext.bad"), "unauthenticated");
    const auto denied = auth_.authenticate({.authorization = bearer("ext.bad"), .client = ""});
    EXPECT_EQ(denied.error().text, "unknown") << "the text of the verifier, once";
    ASSERT_EQ(log_.lines_of("token_rejected").size(), 1U);
    EXPECT_FALSE(log_.lines_of("token_rejected")[0].contains("ext.bad"));
    EXPECT_EQ(verifier_.calls, 1);
    clock_.advance(10s);
    EXPECT_EQ(ask("ext.bad"), subject);
}

TEST_F(external_authenticator, ends_with_the_token) {
    know("ext.short", 60s);
    EXPECT_EQ(ask("ext.short"), subject);
    clock_.advance(60s);
    EXPECT_EQ(ask("ext.short"), "unauthenticated");
}

TEST_F(external_authenticator, gives_the_present_roles_of_the_subject) {
    EXPECT_EQ(ask("ext.good"), subject);
    const auto roles = [&] {
        return auth_.authenticate({.authorization = bearer("ext.good"), .client = ""})
            .value()
            ->roles;
    };
    EXPECT_TRUE(roles().empty());
    members_.grant("shop", "developer");
    EXPECT_EQ(roles().at("shop"), domain::role::developer);
    members_.grant("shop", "viewer");
    EXPECT_EQ(roles().at("shop"), domain::role::viewer);
    verifier_.identities["ext.good"].roles = {{"shop", {"owner"}}};
    clock_.advance(11min);  // the token is verified again
    EXPECT_EQ(ask("ext.good"), subject);
    EXPECT_EQ(roles().at("shop"), domain::role::owner);
}

TEST_F(external_authenticator, a_token_has_the_permissions_of_all_roles_of_its_groups) {
    using enum domain::permission;
    verifier_.identities["ext.good"].roles = {{"shop", {"viewer", "operator", "missing"}}};
    roles_.define("operator", {operate_databases, read_projects});
    EXPECT_EQ(ask("ext.good"), subject);
    const auto caller =
        auth_.authenticate({.authorization = bearer("ext.good"), .client = ""}).value();
    EXPECT_TRUE(domain::may(*caller, read_databases, "shop"));
    EXPECT_TRUE(domain::may(*caller, operate_databases, "shop"));
    EXPECT_FALSE(domain::may(*caller, update_databases, "shop"));
}

TEST_F(external_authenticator, adds_the_permissions_of_a_custom_role_to_those_of_the_token) {
    using enum domain::permission;
    verifier_.identities["ext.good"].roles = {{"shop", {"viewer"}}};
    members_.grant("shop", "operator");
    EXPECT_EQ(ask("ext.good"), subject);
    const auto may = [&](domain::permission action) {
        const auto caller =
            auth_.authenticate({.authorization = bearer("ext.good"), .client = ""}).value();
        return domain::may(*caller, action, "shop");
    };
    EXPECT_TRUE(may(read_databases));  // a role that does not exist takes nothing
    EXPECT_FALSE(may(operate_databases));
    roles_.define("operator", {operate_databases, read_projects});
    EXPECT_TRUE(may(read_databases));
    EXPECT_TRUE(may(operate_databases));
    EXPECT_FALSE(may(delete_databases));
}

TEST_F(external_authenticator, a_token_without_a_group_has_no_role_from_an_earlier_login) {
    auto& identity = verifier_.identities["ext.good"];
    identity.credential = "oidc:corp";
    identity.managed_projects = {"shop", "lab"};
    identity.manages_administrators = true;
    users_.put({.name = std::string(subject), .role = domain::platform_role::admin});
    members_.grant("shop", "owner", "oidc:corp");
    members_.grant("lab", "viewer");  // by a person
    EXPECT_EQ(ask("ext.good"), subject);
    const auto caller =
        auth_.authenticate({.authorization = bearer("ext.good"), .client = ""}).value();
    EXPECT_FALSE(caller->is_administrator);
    EXPECT_FALSE(caller->roles.contains("shop"));
    EXPECT_EQ(caller->roles.at("lab"), domain::role::viewer);
}

TEST_F(external_authenticator, a_token_has_no_role_from_a_rule_that_was_removed) {
    verifier_.identities["ext.good"].credential = "oidc:corp";
    users_.put({.name = std::string(subject),
                .role = domain::platform_role::admin,
                .role_granted_by = "oidc:corp"});
    members_.grant("shop", "owner", "oidc:corp");
    members_.grant("bank", "owner", "oidc:former");
    members_.grant("lab", "owner", "oidc:corp",
                   domain::replaced_role{.role = "viewer", .created_by = "root"});
    EXPECT_EQ(ask("ext.good"), subject);
    const auto caller =
        auth_.authenticate({.authorization = bearer("ext.good"), .client = ""}).value();
    EXPECT_FALSE(caller->is_administrator);
    EXPECT_EQ(caller->roles, (domain::role_map{{"lab", domain::role::viewer}}));
}

TEST_F(external_authenticator, an_issuer_without_a_rule_for_administrators_ends_no_role) {
    users_.put({.name = std::string(subject), .role = domain::platform_role::admin});
    EXPECT_EQ(ask("ext.good"), subject);
    EXPECT_TRUE(auth_.authenticate({.authorization = bearer("ext.good"), .client = ""})
                    .value()
                    ->is_administrator);
}

TEST_F(external_authenticator, a_verifier_that_does_not_respond_leaves_the_others_alone) {
    fakes::fake_token_verifier other;
    other.prefix = "other.";
    other.identities["other.good"] = {
        .subject = "ci", .credential = "oidc:corp", .expires_at = clock_.utc_now() + 1h};
    auth_.use({shared(verifier_), shared(other)});
    verifier_.is_hanging = true;
    aio::task_group group(loop_.executor());
    for (int i = 0; i < 256; ++i) group.spawn(auth_.look_up(bearer(fmt::format("ext.{}", i))));
    EXPECT_EQ(ask("other.good"), "ci");
    while (group.size() > 0) loop_.poll();
}

TEST_F(external_authenticator, forgets_the_tokens_of_a_verifier_that_is_not_in_use) {
    fakes::fake_token_verifier other;
    other.prefix = "other.";
    other.identities["other.good"] = {
        .subject = "ci", .credential = "oidc:corp", .expires_at = clock_.utc_now() + 1h};
    EXPECT_EQ(ask("ext.good"), subject);
    EXPECT_EQ(ask("other.good"), "unauthenticated");
    auth_.use({shared(verifier_), shared(other)});
    EXPECT_EQ(ask("other.good"), "ci");
    EXPECT_EQ(ask("ext.good"), subject);
    EXPECT_EQ(verifier_.calls, 1);  // its lane and its tokens have stayed
    auth_.use({shared(other)});
    EXPECT_EQ(ask("ext.good"), "unauthenticated");
    EXPECT_EQ(ask("other.good"), "ci");
}

TEST_F(external_authenticator, does_not_remember_a_token_that_was_verified_during_a_change) {
    verifier_.is_hanging = true;
    aio::task_group group(loop_.executor());
    group.spawn(auth_.look_up(bearer("ext.good")));
    fakes::poll_until_idle(loop_);
    auth_.use({});
    while (group.size() > 0) loop_.poll();
    EXPECT_EQ(ask("ext.good"), "unauthenticated");
}

TEST_F(external_authenticator, denies_the_token_of_a_disabled_user) {
    EXPECT_EQ(ask("ext.good"), subject);
    users_.put({.name = std::string(subject), .state = domain::user_state::disabled});
    EXPECT_EQ(ask("ext.good"), "unauthenticated");
}

TEST_F(external_authenticator, verifies_again_after_5_minutes_in_the_background) {
    EXPECT_EQ(ask("ext.good"), subject);
    verifier_.identities.erase("ext.good");  // the account was deleted
    aio::task_group group(loop_.executor());
    group.spawn(auth_.run());
    fakes::poll_until_idle(loop_);
    clock_.advance(5min);
    fakes::poll_until_idle(loop_);
    EXPECT_EQ(authenticate("ext.good"), subject);
    clock_.advance(1s);
    fakes::poll_until_idle(loop_);
    EXPECT_EQ(verifier_.calls, 2);
    EXPECT_EQ(authenticate("ext.good"), "unauthenticated");
    group.cancel();
    while (group.size() > 0) loop_.poll();
}

TEST_F(external_authenticator, does_not_accept_a_token_that_was_verified_10_minutes_ago) {
    EXPECT_EQ(ask("ext.good"), subject);
    verifier_.identities.erase("ext.good");
    clock_.advance(10min);
    EXPECT_EQ(ask("ext.good"), "unauthenticated");
}

TEST_F(external_authenticator, is_unavailable_for_unknown_tokens_while_the_verifier_is_away) {
    verifier_.failure = errc::unavailable;
    const auto result = look_up("ext.good");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, errc::unavailable);
    EXPECT_EQ(result.error().retry_after, 5s);
    EXPECT_EQ(authenticate("ext.good"), "needs_lookup");  // not remembered as rejected
}

TEST_F(external_authenticator, never_waits_longer_than_the_timeout) {
    verifier_.is_hanging = true;
    const auto result = look_up("ext.good");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, errc::unavailable);
}

TEST_F(external_authenticator, accepts_known_tokens_until_they_expire_while_the_verifier_is_away) {
    EXPECT_EQ(ask("ext.good"), subject);
    verifier_.failure = errc::unavailable;
    clock_.advance(30min);
    EXPECT_EQ(ask("ext.good"), subject);
    clock_.advance(30min);
    EXPECT_EQ(ask("ext.good"), "identity_unavailable");
}

TEST_F(external_authenticator, verifies_a_token_once_for_requests_at_the_same_time) {
    aio::task_group group(loop_.executor());
    for (int i = 0; i < 50; ++i) group.spawn(auth_.look_up(bearer("ext.good")));
    while (group.size() > 0) loop_.poll();
    EXPECT_EQ(verifier_.calls, 1);
    EXPECT_EQ(authenticate("ext.good"), subject);
}

TEST_F(external_authenticator, bounds_the_lookups_that_wait) {
    verifier_.is_hanging = true;
    int rejected = 0;
    aio::task_group group(loop_.executor());
    group.on_failure([&](const base::failure& failure) {
        if (failure.text.starts_with("too many")) ++rejected;
    });
    for (int i = 0; i < 300; ++i) group.spawn(auth_.look_up(bearer(fmt::format("ext.{}", i))));
    while (group.size() > 0) loop_.poll();
    EXPECT_EQ(rejected, 300 - 256);
    EXPECT_LE(verifier_.calls, 256);
}

TEST_F(external_authenticator, keeps_the_latest_tokens) {
    for (int i = 0; i < 6; ++i) {
        know(fmt::format("ext.{}", i), 1h);
        EXPECT_EQ(ask(fmt::format("ext.{}", i)), subject);
        clock_.advance(1s);
    }
    EXPECT_EQ(authenticate("ext.0"), "needs_lookup");
    EXPECT_EQ(authenticate("ext.5"), subject);
    for (int i = 0; i < 20; ++i) ask(fmt::format("ext.bad{}", i));
    EXPECT_EQ(authenticate("ext.5"), subject);  // rejected tokens displace no valid ones
}

}  // namespace

namespace fakes {
namespace {

class fake_world final : public token_verifier_world {
  public:
    fake_world() {
        verifier_.identities["ext.good"] = {.subject = "system:serviceaccount:shop:ci",
                                            .credential = "kubernetes",
                                            .expires_at = base::instant(1h)};
    }
    ports::token_verifier& verifier() override { return verifier_; }
    [[nodiscard]] std::string valid() const override { return "ext.good"; }
    [[nodiscard]] std::string invalid() const override { return "ext.bad"; }
    void take_away() override { verifier_.failure = base::errc::unavailable; }

  private:
    fake_token_verifier verifier_;
};

INSTANTIATE_TEST_SUITE_P(fake, token_verifier_contract, ::testing::Values([](aio::executor) {
                             return std::make_unique<fake_world>();
                         }));

}  // namespace
}  // namespace fakes
