#include "app/identity/user_registry.hpp"

#include <gtest/gtest.h>

#include "app/identity/identity_registries.hpp"
#include "app/identity/key_authenticator.hpp"
#include "app/identity/user_json.hpp"
#include "test/support/gated_store.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/memory_document_store.hpp"
#include "test/support/poll_until_done.hpp"
#include "test/support/recording_log.hpp"

namespace {

using namespace std::chrono_literals;
using domain::platform_role;

constexpr token::password_parameters cheap{.memory_kibibytes = 64, .passes = 1};

class user_registry : public testing::Test {
  protected:
    // The registries of one process over the shared store.
    struct process : app::identity_registries {
        explicit process(user_registry& test)
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
    base::outcome<app::shared_user> create(const std::string& name,
                                           const std::string& role = "none",
                                           const std::string& password = "") {
        domain::user_request wanted{.name = name, .role = role};
        if (!password.empty()) wanted.password = base::secret(password);
        return run<app::shared_user>([&] { return here_.users.create_user(wanted, admin_); });
    }
    base::outcome<app::shared_user> patch(process& replica, const std::string& name,
                                          domain::user_patch wanted) {
        return run<app::shared_user>(
            [&] { return replica.users.patch_user(name, wanted, admin_); });
    }
    base::outcome<void> remove(const std::string& name) {
        return run<void>([&] { return here_.users.delete_user(name, admin_); });
    }
    base::outcome<app::created_key> create_key(const std::string& subject) {
        return run<app::created_key>(
            [&] { return here_.keys.create_key({.name = "k", .subject = subject}, admin_); });
    }
    // Returns the id of a key of the administrator.
    std::string create_key_known_to(process& other) {
        const auto key = create_key(admin_->subject);
        EXPECT_TRUE(key) << key.error().text;
        EXPECT_TRUE(run<void>([&] { return other.keys.refresh(); }));
        return key->record->id;
    }
    base::outcome<void> set_password(const std::string& name, domain::password_request wanted,
                                     const app::shared_principal& client) {
        return run<void>([&] { return here_.users.set_password(name, wanted, client); });
    }
    std::string authenticate(const app::created_key& key) {
        const app::key_authenticator authenticator(here_.keys, clock_);
        const auto caller = authenticator.authenticate(
            {.authorization = "Bearer " + key.text.reveal(), .client = {}});
        return caller ? (*caller)->is_administrator ? "administrator" : "user"
                      : caller.error().text;
    }

    aio::loop loop_;
    fakes::manual_clock clock_;
    fakes::memory_document_store store_;
    fakes::recording_log log_;
    app::state_cache cache_{clock_, 10s};
    app::password_pool passwords_{{.parameters = cheap}};
    app::shared_principal admin_ = std::make_shared<const domain::principal>(
        domain::principal{.subject = "root", .is_administrator = true});
    process here_{*this};
};

TEST_F(user_registry, creates_a_user_once_and_keeps_only_the_hash_of_its_password) {
    const auto created = create("ada", "auditor", "correct horse");
    ASSERT_TRUE(created) << created.error().text;
    EXPECT_TRUE((*created)->password_hash.starts_with("$argon2id$"));
    EXPECT_EQ(create("ada").error().reason, "already_exists");
    const auto stored = run<ports::document>([&] { return store_.get("users", "ada"); });
    EXPECT_FALSE(stored->body.contains("correct horse"));
    for (const auto& line : log_.lines()) EXPECT_FALSE(line.contains("correct horse"));
    process restarted(*this);
    ASSERT_TRUE(run<void>([&] { return restarted.users.load(); }));
    EXPECT_EQ(*restarted.users.find("ada"), **created);
}

TEST_F(user_registry, adopts_users_that_another_process_has_written) {
    process other(*this);
    ASSERT_TRUE(create("ada"));
    ASSERT_TRUE(run<void>([&] { return other.users.refresh(); }));
    ASSERT_TRUE(other.users.find("ada"));
    EXPECT_TRUE(patch(other, "ada", {.email = "ada@example.com"}));
    ASSERT_TRUE(run<void>([&] { return here_.users.refresh(); }));
    EXPECT_EQ(here_.users.find("ada")->email, "ada@example.com");
    EXPECT_TRUE(remove("ada"));
    ASSERT_TRUE(run<void>([&] { return other.users.refresh(); }));
    EXPECT_FALSE(other.users.find("ada"));
}

TEST_F(user_registry, applies_role_state_and_deletion_to_the_keys_of_the_user) {
    ASSERT_TRUE(create("root", "admin"));
    const auto key = create_key("ada");
    ASSERT_TRUE(key);
    EXPECT_EQ(authenticate(*key), "user");  // a subject needs no user
    ASSERT_TRUE(create("ada", "admin"));
    EXPECT_EQ(authenticate(*key), "administrator");
    EXPECT_TRUE(patch(here_, "ada", {.role = "none"}));
    EXPECT_EQ(authenticate(*key), "user");
    EXPECT_TRUE(patch(here_, "ada", {.state = "disabled"}));
    EXPECT_EQ(authenticate(*key), "the user of the API key is disabled");
    EXPECT_TRUE(patch(here_, "ada", {.state = "active"}));
    EXPECT_EQ(authenticate(*key), "user");
    EXPECT_TRUE(remove("ada"));
    EXPECT_EQ(authenticate(*key), "the API key is revoked");
}

TEST_F(user_registry, keeps_the_last_administrator) {
    ASSERT_TRUE(create("ada", "admin"));
    EXPECT_EQ(patch(here_, "ada", {.role = "none"}).error().reason, "last_administrator");
    EXPECT_EQ(patch(here_, "ada", {.state = "disabled"}).error().reason, "last_administrator");
    EXPECT_EQ(remove("ada").error().reason, "last_administrator");
    ASSERT_TRUE(create("ben", "admin"));
    EXPECT_TRUE(patch(here_, "ada", {.state = "disabled"}));
    EXPECT_EQ(remove("ben").error().reason, "last_administrator");
    EXPECT_TRUE(remove("ada"));
}

// Tries to create a key and notes the code of the error; corrupt if there was none.
aio::task<> note_creation(app::key_registry& keys, app::shared_principal client,
                          std::vector<base::errc>& codes) {
    const auto key = co_await keys.create_key({.name = "k"}, std::move(client));
    codes.push_back(key ? base::errc::corrupt : key.error().code);
    co_return base::ok();
}

TEST_F(user_registry, a_deleted_user_creates_no_key) {
    process other(*this);
    ASSERT_TRUE(create("ada"));
    ASSERT_TRUE(run<void>([&] { return other.users.refresh(); }));
    auto caller = *here_.users.users()->at("ada").caller;
    caller.credential = "session:1";
    const auto session = std::make_shared<const domain::principal>(caller);
    const auto create_own = [&](process& replica, const app::shared_principal& client) {
        return replica.keys.create_key({.name = "k"}, client);
    };
    const auto key = run<app::created_key>([&] { return create_own(other, session); });
    ASSERT_TRUE(key) << key.error().text;  // this process does not know it yet
    caller.credential = "key:" + key->record->id;
    const auto by_key = std::make_shared<const domain::principal>(caller);
    // After the keys were revoked, a request that was accepted before creates another one.
    std::vector<base::errc> codes;
    here_.users.before_deletion(
        [&](std::string) { return note_creation(here_.keys, session, codes); });
    ASSERT_TRUE(remove("ada"));
    for (auto* const replica : {&here_, &other}) {
        for (const auto& client : {session, by_key}) {
            const auto late = run<app::created_key>([&] { return create_own(*replica, client); });
            codes.push_back(late ? base::errc::corrupt : late.error().code);
        }
    }
    EXPECT_EQ(codes, std::vector(5, base::errc::denied));
    ASSERT_TRUE(run<void>([&] { return here_.keys.refresh(); }));
    EXPECT_EQ(here_.keys.keys()->size(), 6U);
    for (const auto& [id, entry] : *here_.keys.keys()) EXPECT_TRUE(entry.record->revoked_at) << id;
}

TEST_F(user_registry, a_new_user_inherits_no_key_of_a_token_of_an_earlier_one) {
    const auto caller_with = [](const std::string& credential) {
        return std::make_shared<const domain::principal>(
            domain::principal{.subject = "corp.ada", .credential = credential});
    };
    const auto create_with = [&](const app::shared_principal& client, std::string subject = {}) {
        const auto key = run<app::created_key>(
            [&] { return here_.keys.create_key_of(std::move(subject), {.name = "k"}, client); });
        EXPECT_TRUE(key) << key.error().text;
        return key->record->id;
    };
    const auto own = create_with(caller_with("oidc:corp"));  // there is no such user any more
    const auto child = create_with(caller_with("key:" + own));
    const auto of_admin = create_with(admin_, "corp.ada");
    ASSERT_TRUE(create("corp.ada", "admin"));
    const auto index = here_.keys.keys();
    EXPECT_TRUE(index->at(own).record->revoked_at);
    EXPECT_TRUE(index->at(child).record->revoked_at);
    EXPECT_FALSE(index->at(of_admin).record->revoked_at);
}

// On a replica that has not read the change of the key yet.
TEST_F(user_registry, a_key_creates_none_with_the_limits_that_it_had) {
    process other(*this);
    const auto id = create_key_known_to(other);
    const auto client = other.keys.keys()->at(id).caller;
    const auto create_child = [&] {
        return run<app::created_key>([&] { return other.keys.create_key({.name = "c"}, client); });
    };
    EXPECT_TRUE(create_child());
    ASSERT_TRUE(run<std::shared_ptr<const domain::api_key>>([&] {
        const domain::api_key_patch narrower{.cidrs = std::vector<std::string>{"10.0.0.0/8"}};
        return here_.keys.patch_key(id, narrower, {}, admin_);
    }));
    const auto child = create_child();
    ASSERT_FALSE(child);
    EXPECT_EQ(child.error().code, base::errc::denied);
}

TEST_F(user_registry, a_secret_that_a_rotation_has_ended_rotates_nothing) {
    process other(*this);
    const auto id = create_key_known_to(other);
    const auto client = other.keys.keys()->at(id).caller;
    ASSERT_TRUE(run<app::created_key>(
        [&] { return here_.keys.rotate_key(id, {.overlap_seconds = 0}, admin_); }));
    const auto late = run<app::created_key>([&] { return other.keys.rotate_key(id, {}, client); });
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().reason, "rotated");
    // An administrator may.
    EXPECT_TRUE(run<app::created_key>([&] { return other.keys.rotate_key(id, {}, admin_); }));
}

TEST_F(user_registry, a_deletion_that_fails_leaves_the_user_disabled) {
    ASSERT_TRUE(create("ada"));
    const auto key = create_key("ada");
    ASSERT_TRUE(key);
    store_.fail_after(1, 1);
    EXPECT_EQ(remove("ada").error().code, base::errc::unavailable);
    EXPECT_EQ(authenticate(*key), "the user of the API key is disabled");
    EXPECT_TRUE(remove("ada"));
    EXPECT_EQ(authenticate(*key), "the API key is revoked");
}

TEST_F(user_registry, ends_the_last_administrator_whose_group_has_ended) {
    ASSERT_TRUE(create("corp.ada", "admin"));
    const auto key = create_key("corp.ada");
    const auto ended = run<app::shared_user>(
        [&] { return here_.users.set_group_role("corp.ada", platform_role::none, admin_); });
    ASSERT_TRUE(ended) << ended.error().text;
    EXPECT_FALSE(here_.users.has_administrator());
    EXPECT_EQ(authenticate(*key), "user");
    EXPECT_EQ(log_.lines_of("no_administrator_left").size(), 1U);
}

// Each process sees the other administrator when it checks.
TEST_F(user_registry, keeps_an_administrator_if_two_processes_demote_one_each) {
    process other(*this);
    ASSERT_TRUE(create("ada", "admin"));
    ASSERT_TRUE(create("ben", "admin"));
    ASSERT_TRUE(run<void>([&] { return other.users.refresh(); }));
    EXPECT_TRUE(patch(here_, "ada", {.role = "none"}));
    EXPECT_EQ(patch(other, "ben", {.role = "none"}).error().reason, "last_administrator");
    EXPECT_TRUE(other.users.has_administrator());
    ASSERT_TRUE(run<void>([&] { return here_.users.refresh(); }));
    EXPECT_TRUE(here_.users.has_administrator());
}

TEST_F(user_registry, changes_a_password_after_the_current_one_and_ends_the_sessions) {
    ASSERT_TRUE(create("ada", "none", "correct horse"));
    const auto ada = here_.users.users()->at("ada").caller;
    const auto change = [&](const char* current) {
        return set_password(
            "ada",
            {.current_password = base::secret(current), .password = base::secret("battery staple")},
            ada);
    };
    const auto epoch = here_.users.find("ada")->session_epoch;
    EXPECT_EQ(change("wrong").error().reason, "wrong_password");
    EXPECT_EQ(here_.users.find("ada")->session_epoch, epoch);
    EXPECT_TRUE(change("correct horse"));
    EXPECT_EQ(here_.users.find("ada")->session_epoch, epoch + 1);
    EXPECT_EQ(change("correct horse").error().reason, "wrong_password");
    EXPECT_TRUE(set_password("ada", {.password = base::secret("correct horse")}, admin_));
    EXPECT_EQ(set_password("ben", {.password = base::secret("correct horse")}, admin_).error().code,
              base::errc::not_found);
}

TEST_F(user_registry, a_change_of_a_password_does_not_undo_a_reset_at_the_same_time) {
    ASSERT_TRUE(create("ada", "none", "correct horse"));
    const auto ada = here_.users.users()->at("ada").caller;
    const domain::password_request own{.current_password = base::secret("correct horse"),
                                       .password = base::secret("battery staple")};
    const domain::password_request reset{.password = base::secret("purple monkey lamp")};
    // Another process resets the password. This one has verified the present password by then.
    process other(*this);
    aio::loop elsewhere;
    ASSERT_TRUE(fakes::poll_until_done<void>(elsewhere, [&] { return other.users.load(); }));
    ASSERT_TRUE(fakes::poll_until_done<void>(
        elsewhere, [&] { return other.users.set_password("ada", reset, admin_); }));
    const auto changed = set_password("ada", own, ada);
    ASSERT_FALSE(changed);
    EXPECT_EQ(changed.error().reason, "wrong_password");
    EXPECT_EQ(*here_.users.find("ada"), *other.users.find("ada"));
    EXPECT_TRUE(set_password("ada", {.password = base::secret("correct horse")}, admin_));
}

TEST_F(user_registry, admits_the_first_administrator_only_without_users) {
    const auto admit = [&](const char* password) {
        return run<void>(
            [&] { return here_.users.admit_first_administrator(base::secret(password)); });
    };
    EXPECT_EQ(admit("short").error().code, base::errc::invalid);
    EXPECT_TRUE(admit("correct horse"));
    const auto hash = here_.users.find("admin")->password_hash;
    EXPECT_TRUE(here_.users.has_administrator());
    EXPECT_TRUE(admit("battery staple"));
    EXPECT_EQ(here_.users.find("admin")->password_hash, hash);
}

TEST_F(user_registry, rejects_texts_that_it_did_not_write) {
    const domain::user user{.name = "ada", .role = platform_role::admin};
    const auto text = app::encode(user);
    EXPECT_EQ(*app::decode_user(text), user);
    for (const auto* member : {"\"v\":1", "\"role\":\"admin\"", "\"state\":\"active\"",
                               "\"password_hash\":\"\"", "\"session_epoch\":0"}) {
        auto changed = text;
        ASSERT_TRUE(changed.contains(member)) << member;
        changed.replace(changed.find(member), std::string_view(member).size(), "\"x\":1");
        EXPECT_FALSE(app::decode_user(changed)) << member;
    }
}

TEST(password_pool, rejects_work_beyond_its_queue) {
    aio::loop loop;
    app::password_pool pool({.parameters = cheap, .threads = 1, .queue_max = 1});
    int rejected = 0;
    aio::task_group group(loop.executor());
    for (int i = 0; i < 100; ++i) {
        group.spawn([&]() -> aio::task<> {
            const auto hash = co_await pool.hash(base::secret("correct horse"));
            if (hash) co_return base::ok();
            EXPECT_EQ(hash.error().code, base::errc::unavailable);
            EXPECT_EQ(hash.error().reason, "login_queue_full");
            EXPECT_TRUE(hash.error().retry_after);
            ++rejected;
            co_return base::ok();
        });
    }
    while (group.size() > 0) loop.poll();
    EXPECT_GT(rejected, 0);
    EXPECT_LT(rejected, 100);
}

}  // namespace
