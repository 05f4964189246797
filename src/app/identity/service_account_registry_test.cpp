#include "app/identity/service_account_registry.hpp"

#include <gtest/gtest.h>

#include "app/identity/identity_registries.hpp"
#include "app/identity/key_authenticator.hpp"
#include "app/identity/service_account_json.hpp"
#include "test/support/gated_store.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/memory_document_store.hpp"
#include "test/support/poll_until_done.hpp"
#include "test/support/recording_log.hpp"

namespace {

using namespace std::chrono_literals;

// Two replicas over one store.
class service_account_registry : public testing::Test {
  protected:
    struct process : app::identity_registries {
        explicit process(service_account_registry& test)
            : identity_registries({.store = test.store_,
                                   .projects = test.cache_,
                                   .passwords = test.passwords_,
                                   .clock = test.clock_,
                                   .log = test.log_}) {}
    };

    template <class T>
    base::outcome<T> run(std::function<aio::task<T>()> start) {
        return fakes::poll_until_done<T>(loop_, std::move(start));
    }
    void create() {
        const domain::service_account_request wanted{.name = "ci"};
        ASSERT_TRUE(run<app::shared_account>(
            [&] { return here_.account_manager.create_account(wanted, admin_); }));
    }
    std::string create_key() {
        const domain::api_key_request wanted{.name = "k"};
        const auto created = run<app::created_key>(
            [&] { return here_.account_manager.create_account_key("ci", wanted, admin_); });
        return created ? created->text.reveal() : created.error().text;
    }
    void set_state(const std::string& state) {
        const domain::service_account_patch wanted{.state = state};
        ASSERT_TRUE(run<app::shared_account>(
            [&] { return here_.account_manager.patch_account("ci", wanted, admin_); }));
    }
    // Reads what the other replica has written, as record_feed does.
    void refresh(process& replica) {
        ASSERT_TRUE(run<void>([&] { return replica.accounts.refresh(); }));
        ASSERT_TRUE(run<void>([&] { return replica.keys.refresh(); }));
    }
    bool accepts(process& replica, const std::string& key) {
        const app::key_authenticator authenticator(replica.keys, clock_);
        return authenticator.authenticate({.authorization = "Bearer " + key, .client = {}})
            .has_value();
    }

    aio::loop loop_;
    fakes::manual_clock clock_;
    fakes::memory_document_store store_;
    fakes::recording_log log_;
    app::state_cache cache_{clock_, 10s};
    app::password_pool passwords_{{.parameters = {.memory_kibibytes = 64, .passes = 1}}};
    app::shared_principal admin_ = std::make_shared<const domain::principal>(
        domain::principal{.subject = "root", .is_administrator = true});
    process here_{*this};
    process other_{*this};
};

TEST_F(service_account_registry, ends_the_keys_of_a_disabled_account_on_every_replica) {
    create();
    const auto key = create_key();
    refresh(other_);
    EXPECT_TRUE(accepts(here_, key));
    EXPECT_TRUE(accepts(other_, key));
    set_state("disabled");
    EXPECT_FALSE(accepts(here_, key));
    ASSERT_TRUE(run<void>([&] { return other_.accounts.refresh(); }));
    EXPECT_FALSE(accepts(other_, key));
    set_state("active");
    refresh(other_);
    EXPECT_TRUE(accepts(here_, key));
    EXPECT_TRUE(accepts(other_, key));
}

TEST_F(service_account_registry, accepts_no_key_without_its_account) {
    create();
    const auto key = create_key();
    ASSERT_TRUE(run<void>([&] { return other_.keys.refresh(); }));
    EXPECT_FALSE(accepts(other_, key));  // the account has not arrived
    refresh(other_);
    EXPECT_TRUE(accepts(other_, key));
    ASSERT_TRUE(run<void>([&] { return here_.account_manager.delete_account("ci", admin_); }));
    refresh(other_);
    EXPECT_FALSE(accepts(other_, key));
    process restarted(*this);
    ASSERT_TRUE(run<void>([&] { return restarted.load(); }));
    EXPECT_FALSE(accepts(restarted, key));
}

// Both requests are accepted before either has written.
TEST_F(service_account_registry, has_no_role_that_was_granted_while_it_was_deleted) {
    cache_.put_project(std::make_shared<const domain::project>(domain::project{.name = "shop"}));
    fakes::gated_store store(store_, loop_.executor());
    app::identity_registries process({.store = store,
                                      .projects = cache_,
                                      .passwords = passwords_,
                                      .clock = clock_,
                                      .log = log_});
    ASSERT_TRUE(run<app::shared_account>(
        [&] { return process.account_manager.create_account({.name = "ci"}, admin_); }));
    store.close_gate();
    aio::task_group group(loop_.executor());
    group.spawn([&]() -> aio::task<> {
        (void)co_await process.members.put_member(
            {.project = "shop", .subject = "service_account:ci", .role = "owner"},
            {.subject = "root"}, admin_);
        co_return base::ok();
    });
    fakes::poll_until_idle(loop_);
    group.spawn([&]() -> aio::task<> {
        const auto deleted = co_await process.account_manager.delete_account("ci", admin_);
        EXPECT_TRUE(deleted);
        co_return base::ok();
    });
    fakes::poll_until_idle(loop_);
    store.open_gate();
    while (group.size() > 0) loop_.poll();
    EXPECT_TRUE(process.members.members()->empty());
}

TEST_F(service_account_registry, a_new_account_inherits_no_key_that_a_deletion_has_missed) {
    create();
    const auto key = create_key();
    ASSERT_TRUE(run<void>([&] { return here_.accounts.remove("ci"); }));
    EXPECT_FALSE(accepts(here_, key));
    create();
    EXPECT_FALSE(accepts(here_, key));
}

TEST_F(service_account_registry,
       a_new_account_inherits_no_key_of_a_replica_that_knows_the_old_one) {
    create();
    fakes::gated_store store(store_, loop_.executor());
    app::identity_registries slow({.store = store,
                                   .projects = cache_,
                                   .passwords = passwords_,
                                   .clock = clock_,
                                   .log = log_});
    store.close_gate();
    base::outcome<app::created_key> late;
    aio::task_group group(loop_.executor());
    group.spawn([&]() -> aio::task<> {
        late = co_await slow.account_manager.create_account_key("ci", {.name = "k"}, admin_);
        co_return base::ok();
    });
    fakes::poll_until_idle(loop_);  // it has checked the old account and writes the key
    ASSERT_EQ(store.waiting(), 1);
    ASSERT_TRUE(run<void>([&] { return here_.account_manager.delete_account("ci", admin_); }));
    clock_.advance(1s);
    create();
    store.open_gate();
    while (group.size() > 0) loop_.poll();
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().reason, "service_account_not_found");
    refresh(here_);
    ASSERT_EQ(here_.keys.keys()->size(), 1U);
    EXPECT_TRUE(here_.keys.keys()->begin()->second.record->revoked_at);
}

// The route has checked the caller for an account that was deleted since.
TEST_F(service_account_registry, an_owner_changes_no_account_of_another_project) {
    for (const auto* project : {"shop", "bank"}) {
        cache_.put_project(
            std::make_shared<const domain::project>(domain::project{.name = project}));
    }
    ASSERT_TRUE(run<app::shared_account>([&] {
        return here_.account_manager.create_account({.name = "ci", .project = "bank"}, admin_);
    }));
    const auto owner = std::make_shared<const domain::principal>(
        domain::principal{.subject = "vic", .roles = {{"shop", domain::role::owner}}});
    constexpr std::string_view reason = "service_account_not_found";
    auto& manager = here_.account_manager;
    EXPECT_EQ(run<app::created_key>(
                  [&] { return manager.create_account_key("ci", {.name = "k"}, owner); })
                  .error()
                  .reason,
              reason);
    EXPECT_EQ(run<app::shared_account>(
                  [&] { return manager.patch_account("ci", {.state = "disabled"}, owner); })
                  .error()
                  .reason,
              reason);
    EXPECT_EQ(run<void>([&] { return manager.delete_account("ci", owner); }).error().reason,
              reason);
    EXPECT_TRUE(here_.accounts.find("ci"));
    EXPECT_TRUE(here_.keys.keys()->empty());
}

TEST_F(service_account_registry, a_deletion_revokes_a_key_that_another_replica_has_just_created) {
    create();
    refresh(other_);
    const auto key = run<app::created_key>(
        [&] { return other_.account_manager.create_account_key("ci", {.name = "k"}, admin_); });
    ASSERT_TRUE(key) << key.error().text;
    ASSERT_TRUE(run<void>([&] { return here_.account_manager.delete_account("ci", admin_); }));
    EXPECT_TRUE(here_.keys.keys()->at(key->record->id).record->revoked_at);
}

TEST_F(service_account_registry, bounds_the_accounts_of_a_project) {
    for (const auto* project : {"shop", "bank"}) {
        cache_.put_project(
            std::make_shared<const domain::project>(domain::project{.name = project}));
    }
    const auto create_in = [&](const std::string& project, std::size_t number) {
        const domain::service_account_request wanted{.name = project + "-" + std::to_string(number),
                                                     .project = project};
        const auto created = run<app::shared_account>(
            [&] { return here_.account_manager.create_account(wanted, admin_); });
        return created ? std::string("created") : created.error().reason;
    };
    constexpr auto max = app::service_account_commands::accounts_of_project_max;
    for (std::size_t i = 0; i < max; ++i) ASSERT_EQ(create_in("shop", i), "created");
    EXPECT_EQ(create_in("shop", max), "too_many");
    EXPECT_EQ(create_in("bank", 0), "created");
}

TEST_F(service_account_registry, rejects_texts_that_it_did_not_write) {
    const domain::service_account account{.name = "ci", .project = "shop"};
    const auto text = app::encode(account);
    EXPECT_EQ(*app::decode_service_account(text), account);
    for (const auto* member :
         {"\"v\":1", "\"project\":\"shop\"", "\"state\":\"active\"", "\"name\":\"ci\""}) {
        auto changed = text;
        ASSERT_TRUE(changed.contains(member)) << member;
        changed.replace(changed.find(member), std::string_view(member).size(), "\"x\":1");
        EXPECT_FALSE(app::decode_service_account(changed)) << member;
    }
}

}  // namespace
