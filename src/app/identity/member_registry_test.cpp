#include "app/identity/member_registry.hpp"

#include <gtest/gtest.h>

#include "app/identity/key_registry.hpp"
#include "app/identity/member_json.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/memory_document_store.hpp"
#include "test/support/poll_until_done.hpp"
#include "test/support/recording_log.hpp"

namespace {

using namespace std::chrono_literals;
using domain::role;

class member_registry : public testing::Test {
  protected:
    void SetUp() override {
        for (const auto* name : {"shop", "bank"}) {
            cache_.put_project(
                std::make_shared<const domain::project>(domain::project{.name = name}));
        }
    }
    template <class T>
    base::outcome<T> run(std::function<aio::task<T>()> start) {
        return fakes::poll_until_done<T>(loop_, std::move(start));
    }
    base::outcome<app::granted_role> grant(const std::string& project, role granted,
                                           const std::string& subject = "ada") {
        return run<app::granted_role>([&] {
            return members_.put_member({.project = project,
                                        .subject = subject,
                                        .role = std::string(domain::name(granted))},
                                       {.subject = "admin"}, grantor_);
        });
    }
    base::outcome<void> revoke(const std::string& project, const std::string& subject = "ada") {
        return run<void>([&] {
            return members_.delete_member(project, subject, {.subject = "admin"}, grantor_);
        });
    }
    using roles = domain::role_map;
    // Returns the roles that a key of the subject has.
    static roles roles_of_key(const app::key_registry& keys) {
        return keys.keys()->begin()->second.caller->roles;
    }

    std::shared_ptr<const domain::principal> grantor_ = std::make_shared<const domain::principal>(
        domain::principal{.subject = "admin", .is_administrator = true});
    aio::loop loop_;
    fakes::manual_clock clock_;
    fakes::memory_document_store store_;
    fakes::recording_log log_;
    app::state_cache cache_{clock_, 10s};
    app::member_registry::deps deps_{
        .store = store_, .projects = cache_, .clock = clock_, .log = log_};
    app::member_registry members_{deps_};
    app::key_registry keys_{{.store = store_, .members = members_, .clock = clock_, .log = log_}};
};

TEST_F(member_registry, gives_a_role_to_the_keys_of_the_subject_until_it_is_revoked) {
    const auto client = std::make_shared<const domain::principal>(
        domain::principal{.subject = "admin", .is_administrator = true});
    ASSERT_TRUE(run<app::created_key>(
        [&] { return keys_.create_key({.name = "ci", .subject = "ada"}, client); }));
    EXPECT_EQ(roles_of_key(keys_), roles());
    const auto granted = grant("shop", role::developer);
    ASSERT_TRUE(granted) << granted.error().text;
    EXPECT_TRUE(granted->is_new);
    EXPECT_EQ(granted->record->created_by, "admin");
    EXPECT_EQ(roles_of_key(keys_), (roles{{"shop", role::developer}}));
    EXPECT_FALSE(grant("shop", role::owner)->is_new);
    EXPECT_TRUE(grant("bank", role::viewer));
    EXPECT_TRUE(grant("bank", role::viewer, "ben"));
    EXPECT_EQ(roles_of_key(keys_), (roles{{"shop", role::owner}, {"bank", role::viewer}}));
    EXPECT_TRUE(revoke("shop"));
    EXPECT_EQ(roles_of_key(keys_), (roles{{"bank", role::viewer}}));
    EXPECT_EQ(revoke("shop").error().code, base::errc::not_found);
}

TEST_F(member_registry, survives_a_restart_and_is_adopted_by_another_process) {
    app::member_registry other(deps_);
    EXPECT_TRUE(grant("shop", role::owner));
    app::member_registry restarted(deps_);
    ASSERT_TRUE(run<void>([&] { return restarted.load(); }));
    EXPECT_EQ(restarted.roles_of("ada"), (roles{{"shop", role::owner}}));
    ASSERT_TRUE(run<void>([&] { return other.refresh(); }));
    EXPECT_EQ(other.roles_of("ada"), (roles{{"shop", role::owner}}));
    EXPECT_TRUE(revoke("shop"));
    ASSERT_TRUE(run<void>([&] { return other.refresh(); }));
    EXPECT_EQ(other.roles_of("ada"), roles());
}

TEST_F(member_registry, replaces_the_role_that_another_process_has_granted) {
    app::member_registry other(deps_);
    ASSERT_TRUE(run<app::granted_role>([&] {
        return other.put_member({.project = "shop", .subject = "ada", .role = "owner"},
                                {.subject = "admin"}, grantor_);
    }));
    EXPECT_TRUE(grant("shop", role::viewer));
    EXPECT_EQ(members_.roles_of("ada"), (roles{{"shop", role::viewer}}));
    ASSERT_TRUE(run<void>([&] { return other.refresh(); }));
    EXPECT_EQ(other.roles_of("ada"), (roles{{"shop", role::viewer}}));
}

TEST_F(member_registry, succeeds_if_the_response_of_the_store_is_lost) {
    store_.lose_next_response();
    EXPECT_TRUE(grant("shop", role::owner));
    store_.lose_next_response();
    EXPECT_TRUE(revoke("shop"));
    EXPECT_EQ(members_.roles_of("ada"), roles());
}

TEST_F(member_registry, reports_a_store_that_is_unavailable) {
    store_.fail_next(2);
    EXPECT_EQ(grant("shop", role::owner).error().code, base::errc::unavailable);
    EXPECT_EQ(members_.roles_of("ada"), roles());
    EXPECT_TRUE(grant("shop", role::owner));
    store_.fail_next(2);
    EXPECT_EQ(revoke("shop").error().code, base::errc::unavailable);
    EXPECT_EQ(members_.roles_of("ada"), (roles{{"shop", role::owner}}));
    EXPECT_EQ(grant("nowhere", role::owner).error().code, base::errc::not_found);
}

TEST_F(member_registry, denies_roles_with_more_permissions_than_the_grantor_has) {
    EXPECT_TRUE(grant("shop", role::owner));
    EXPECT_TRUE(grant("shop", role::viewer, "ben"));
    // An owner whose API key can do nothing but change members.
    grantor_ = std::make_shared<const domain::principal>(
        domain::principal{.subject = "ada",
                          .roles = {{"shop", role::owner}},
                          .limits = {.permissions = std::set{domain::permission::update_members}}});
    const auto denied = grant("shop", role::owner, "eve");
    ASSERT_FALSE(denied);
    EXPECT_EQ(denied.error().reason, "exceeds_grantor");
    EXPECT_EQ(grant("shop", role::viewer, "ada").error().reason, "exceeds_grantor");
    EXPECT_EQ(revoke("shop", "ada").error().reason, "exceeds_grantor");
    EXPECT_EQ(members_.roles_of("ada"), (roles{{"shop", role::owner}}));
    EXPECT_EQ(members_.roles_of("eve"), roles());
}

TEST_F(member_registry, forgets_the_members_of_one_project) {
    EXPECT_TRUE(grant("shop", role::owner));
    EXPECT_TRUE(grant("bank", role::viewer));
    EXPECT_TRUE(run<void>([&] { return members_.forget_project("shop"); }));
    EXPECT_EQ(members_.roles_of("ada"), (roles{{"bank", role::viewer}}));
    app::member_registry restarted(deps_);
    ASSERT_TRUE(run<void>([&] { return restarted.load(); }));
    EXPECT_EQ(restarted.roles_of("ada"), (roles{{"bank", role::viewer}}));
}

TEST(member_json, is_read_as_it_was_written) {
    const domain::project_member member{.project = "shop",
                                        .subject = "ada",
                                        .role = "owner",
                                        .created_at = base::instant{1'800'000'000s},
                                        .created_by = "admin"};
    EXPECT_EQ(app::decode_member(app::encode(member)).value(), member);
    EXPECT_FALSE(app::encode(member).contains("replaced"));
    auto replacing = member;
    replacing.replaced = domain::replaced_role{
        .role = "viewer", .created_at = base::instant{1'700'000'000s}, .created_by = "root"};
    EXPECT_EQ(app::decode_member(app::encode(replacing)).value(), replacing);
    for (
        const auto* text :
        {"", "{}", "[]", R"({"v":2,"project":"a","subject":"b","role":"owner"})",
         R"({"v":1,"project":"a","subject":"b","role":"","created_at":"2027-01-15T08:00:00Z"})",
         R"({"v":1,"project":"a","role":"owner","created_at":"2027-01-15T08:00:00Z"})",
         R"({"v":1,"project":"a","subject":"b","role":"owner","created_at":"2027-01-15T08:00:00Z",)"
         R"("replaced":{"role":"viewer"}})",
         R"({"v":1,"project":"a","subject":"b","role":"owner","created_at":"2027-01-15T08:00:00Z",)"
         R"("replaced":7})",
         R"({"v":1,"project":"a","subject":"b","role":"owner"})"}) {
        EXPECT_FALSE(app::decode_member(text)) << text;
    }
}

}  // namespace
