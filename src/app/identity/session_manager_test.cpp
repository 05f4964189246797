#include "app/identity/session_manager.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "app/identity/bearer_authenticator.hpp"
#include "app/identity/identity_registries.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/memory_document_store.hpp"
#include "test/support/poll_until_done.hpp"
#include "test/support/recording_log.hpp"
#include "test/support/wrong_clock.hpp"

namespace {

using namespace std::chrono_literals;

class session_manager : public testing::Test {
  protected:
    // One process over the shared store.
    struct process : app::identity_registries {
        process(session_manager& test, app::signing_options signing)
            : process(test, std::move(signing), test.clock_) {}
        process(session_manager& test, app::signing_options signing, const base::clock& clock)
            : identity_registries({.store = test.store_,
                                   .projects = test.cache_,
                                   .passwords = test.passwords_,
                                   .clock = clock,
                                   .log = test.log_}),
              signing(
                  app::signing_keys::make({.store = test.store_, .clock = clock, .log = test.log_},
                                          std::move(signing))
                      .value()),
              ended(test.store_, clock),
              sessions({.store = test.store_,
                        .users = users,
                        .passwords = test.passwords_,
                        .keys = *this->signing,
                        .ended = ended,
                        .clock = clock,
                        .log = test.log_}),
              by_key(keys, clock),
              by_token({.users = users, .keys = *this->signing, .ended = ended, .clock = clock}),
              authenticator(by_key, by_token) {}
        std::unique_ptr<app::signing_keys> signing;
        app::ended_sessions ended;
        app::session_manager sessions;
        app::key_authenticator by_key;
        app::token_authenticator by_token;
        app::bearer_authenticator authenticator;
    };

    void SetUp() override {
        cache_.put_project(
            std::make_shared<const domain::project>(domain::project{.name = "shop"}));
        ASSERT_TRUE(run<app::shared_user>([&] {
            return here_.users.create_user(
                {.name = "ada", .password = base::secret("correct horse")}, root_);
        }));
        refresh(other_);
    }
    template <class T>
    base::outcome<T> run(std::function<aio::task<T>()> start) {
        return fakes::poll_until_done<T>(loop_, std::move(start));
    }
    // Reads what the other process has written.
    void refresh(process& replica) {
        EXPECT_TRUE(run<void>([&] { return replica.users.refresh(); }));
        EXPECT_TRUE(run<void>([&] { return replica.ended.refresh(); }));
        EXPECT_TRUE(run<void>([&] { return replica.signing->refresh(); }));
    }
    base::outcome<app::issued_tokens> log_in(const std::string& password = "correct horse",
                                             const std::string& name = "ada") {
        return run<app::issued_tokens>(
            [&] { return here_.sessions.log_in(name, base::secret(password)); });
    }
    base::outcome<app::issued_tokens> renew(const base::secret& token, process* replica = nullptr) {
        auto& sessions = (replica == nullptr ? here_ : *replica).sessions;
        owner_ = {};
        return run<app::issued_tokens>([&] { return sessions.refresh(token, owner_); });
    }
    static std::string authenticate(process& replica, const app::issued_tokens& tokens) {
        const auto caller = replica.authenticator.authenticate(
            {.authorization = "Bearer " + tokens.access_token.reveal(), .client = {}});
        if (!caller) return caller.error().text;
        EXPECT_EQ((*caller)->credential, "session:" + tokens.session);
        return (*caller)->subject;
    }
    base::outcome<app::shared_user> patch(domain::user_patch wanted) {
        return run<app::shared_user>([&] { return here_.users.patch_user("ada", wanted, root_); });
    }

    static constexpr const char* ended_text = "the session has ended; log in again";
    static constexpr const char* expired_text = "the access token has expired; refresh it";
    app::session_owner owner_;  // of the last token that was presented to renew()
    const base::secret secret_{"0123456789abcdef0123456789abcdef"};
    aio::loop loop_;
    fakes::manual_clock clock_;
    fakes::memory_document_store store_;
    fakes::recording_log log_;
    app::state_cache cache_{clock_, 10s};
    app::password_pool passwords_{{.parameters = {.memory_kibibytes = 64, .passes = 1}}};
    app::shared_principal root_ = std::make_shared<const domain::principal>(
        domain::principal{.subject = "root", .is_administrator = true});
    process here_{*this, {.secret = secret_}};
    process other_{*this, {.secret = secret_}};
};

TEST_F(session_manager, logs_in_with_the_password_and_authenticates_in_every_process) {
    const auto tokens = log_in();
    ASSERT_TRUE(tokens) << tokens.error().text;
    EXPECT_EQ(tokens->expires_in, 900s);
    EXPECT_EQ(authenticate(here_, *tokens), "ada");
    EXPECT_EQ(authenticate(here_, *tokens), "ada");  // from the cache
    EXPECT_EQ(authenticate(other_, *tokens), "ada");
    for (const auto& attempt : {log_in("wrong"), log_in("correct horse", "eve"), log_in(""),
                                log_in(std::string(2000, 'x'))}) {
        EXPECT_EQ(attempt.error().reason, "invalid_login");
    }
    for (const auto& line : log_.lines()) {
        EXPECT_FALSE(line.contains(tokens->access_token.reveal()));
        EXPECT_FALSE(line.contains(tokens->refresh_token.reveal()));
        EXPECT_FALSE(line.contains("correct horse"));
    }
    const auto page = run<ports::page>([&] { return store_.find({.collection = "sessions"}); });
    for (const auto& document : page->items) {
        EXPECT_FALSE(document.body.contains(tokens->refresh_token.reveal().substr(30)));
    }
}

TEST_F(session_manager, ends_access_after_15_minutes_and_the_tolerated_skew) {
    const auto tokens = log_in();
    clock_.advance(15min + 59s);
    EXPECT_EQ(authenticate(here_, *tokens), "ada");
    clock_.advance(1s);
    EXPECT_EQ(authenticate(here_, *tokens), expired_text);
    EXPECT_EQ(authenticate(other_, *tokens), expired_text);
}

// The clock of the process that signs is wrong.
TEST_F(session_manager, accepts_tokens_by_the_clock_of_each_process) {
    const auto log_in_at = [&](const base::clock& clock) {
        process signer{*this, {.secret = secret_}, clock};
        refresh(signer);
        auto tokens = run<app::issued_tokens>(
            [&] { return signer.sessions.log_in("ada", base::secret("correct horse")); });
        EXPECT_TRUE(tokens) << tokens.error().text;
        EXPECT_EQ(authenticate(signer, *tokens), "ada");
        refresh(here_);
        return *tokens;
    };
    const fakes::wrong_clock ahead(clock_, 10min);
    const fakes::wrong_clock behind(clock_, -10min);
    const fakes::wrong_clock far_behind(clock_, -1h);
    const auto early = log_in_at(ahead);
    const auto late = log_in_at(behind);
    const auto too_late = log_in_at(far_behind);
    EXPECT_EQ(authenticate(here_, early),
              "the credential is neither an API key nor a valid access token");
    EXPECT_EQ(authenticate(here_, late), "ada");
    EXPECT_EQ(authenticate(here_, too_late), expired_text);
    clock_.advance(6min);  // the lifetime of 15 min less the error, and the tolerated skew
    EXPECT_EQ(authenticate(here_, late), expired_text);
    clock_.advance(3min);
    EXPECT_EQ(authenticate(here_, early), "ada") << "9 of the 10 min, and the tolerated skew";
    clock_.advance(16min + 59s);
    EXPECT_EQ(authenticate(here_, early), "ada") << "10 min later than intended";
    clock_.advance(1s);
    EXPECT_EQ(authenticate(here_, early), expired_text);
}

TEST_F(session_manager, applies_roles_and_the_state_of_the_user_at_once) {
    const auto tokens = log_in();
    const auto roles = [&] {
        return (*here_.authenticator.authenticate(
                    {.authorization = "Bearer " + tokens->access_token.reveal(), .client = {}}))
            ->roles.size();
    };
    EXPECT_EQ(roles(), 0U);
    ASSERT_TRUE(run<app::granted_role>([&] {
        return here_.members.put_member({.project = "shop", .subject = "ada", .role = "viewer"},
                                        {.subject = "root"}, root_);
    }));
    EXPECT_EQ(roles(), 1U);
    ASSERT_TRUE(patch({.state = "disabled"}));
    EXPECT_EQ(authenticate(here_, *tokens), ended_text);
    EXPECT_EQ(log_in().error().reason, "invalid_login");
    EXPECT_EQ(renew(tokens->refresh_token).error().reason, "invalid_refresh_token");
}

TEST_F(session_manager, returns_the_same_successor_until_it_is_used) {
    const auto first = log_in();
    const auto second = renew(first->refresh_token);
    ASSERT_TRUE(second) << second.error().text;
    EXPECT_EQ(authenticate(other_, *second), "ada");
    clock_.advance(29s);
    const auto again = renew(first->refresh_token, &other_);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->refresh_token, second->refresh_token);
    const auto third = renew(second->refresh_token, &other_);
    ASSERT_TRUE(third);
    // The successor was used, so the first token is a copy.
    EXPECT_EQ(renew(first->refresh_token).error().reason, "invalid_refresh_token");
    EXPECT_EQ(renew(third->refresh_token).error().reason, "invalid_refresh_token");
    EXPECT_EQ(authenticate(here_, *third), ended_text);
    refresh(other_);
    EXPECT_EQ(authenticate(other_, *third), ended_text);
}

TEST_F(session_manager, ends_the_session_if_the_previous_token_returns_after_30_seconds) {
    const auto first = log_in();
    const auto second = renew(first->refresh_token);
    clock_.advance(30s);
    EXPECT_FALSE(renew(first->refresh_token));
    EXPECT_EQ(owner_.subject, "ada");
    EXPECT_EQ(owner_.session, first->session);
    EXPECT_FALSE(renew(second->refresh_token));
    EXPECT_EQ(owner_.subject, "") << "the session has ended";
    EXPECT_EQ(authenticate(here_, *second), ended_text);
}

TEST_F(session_manager, does_not_end_a_session_because_of_a_guess) {
    const auto tokens = log_in();
    const auto next = renew(tokens->refresh_token);
    auto guess = token::make_refresh_token(tokens->session);
    EXPECT_FALSE(renew(token::text_of(guess)));
    EXPECT_EQ(owner_.subject, "") << "a guess has no owner";
    guess.generation = 7;
    EXPECT_FALSE(renew(token::text_of(guess)));
    EXPECT_FALSE(renew(base::secret("dbr_x")));
    EXPECT_TRUE(renew(next->refresh_token));
}

TEST_F(session_manager, ends_an_idle_session_after_7_days_and_every_session_after_30) {
    const auto idle = log_in();
    clock_.advance(std::chrono::days(7));
    EXPECT_FALSE(renew(idle->refresh_token));
    auto tokens = log_in();
    for (int day = 0; day < 29; day += 1) {
        clock_.advance(std::chrono::days(1));
        tokens = renew(tokens->refresh_token);
        ASSERT_TRUE(tokens) << day;
    }
    clock_.advance(std::chrono::days(1));
    EXPECT_FALSE(renew(tokens->refresh_token));
    ASSERT_TRUE(run<void>([&] { return here_.sessions.purge(); }));
    EXPECT_TRUE(
        run<ports::page>([&] { return store_.find({.collection = "sessions"}); })->items.empty());
}

TEST_F(session_manager, ends_one_session_or_all_of_a_user_in_every_process) {
    const auto first = log_in();
    const auto second = log_in();
    EXPECT_EQ(authenticate(other_, *first), "ada");
    ASSERT_TRUE(run<void>([&] { return here_.sessions.end_session(first->session); }));
    ASSERT_TRUE(run<void>([&] { return here_.sessions.end_session(first->session); }));
    refresh(other_);
    EXPECT_EQ(authenticate(other_, *first), ended_text);
    EXPECT_EQ(authenticate(other_, *second), "ada");
    ASSERT_TRUE(run<void>([&] { return here_.sessions.end_sessions("ada", root_); }));
    EXPECT_EQ(authenticate(here_, *second), ended_text);
    refresh(other_);
    EXPECT_EQ(authenticate(other_, *second), ended_text);
    EXPECT_FALSE(renew(second->refresh_token));
    EXPECT_TRUE(log_in());
    clock_.advance(30min);
    ASSERT_TRUE(run<void>([&] { return here_.sessions.purge(); }));
    EXPECT_FALSE(here_.ended.contains(first->session));
}

TEST_F(session_manager, bounds_the_sessions_of_a_user) {
    const auto first = log_in();
    for (std::size_t i = 0; i < app::session_commands::sessions_max; ++i) {
        clock_.advance(1s);
        ASSERT_TRUE(log_in());
    }
    EXPECT_EQ(authenticate(here_, *first), ended_text);
    EXPECT_EQ(
        run<ports::page>([&] { return store_.find({.collection = "sessions"}); })->items.size(),
        app::session_commands::sessions_max);
}

TEST_F(session_manager, starts_a_session_for_an_external_identity) {
    const auto start = [&](const std::string& subject) {
        return run<app::issued_tokens>([&] {
            return here_.sessions.start_session({.subject = subject, .method = "oidc:example"});
        });
    };
    const auto tokens = start("ada");
    ASSERT_TRUE(tokens);
    EXPECT_EQ(authenticate(other_, *tokens), "ada");
    EXPECT_EQ(start("eve").error().reason, "invalid_login");
}

TEST_F(session_manager, rejects_tokens_of_other_secrets_and_too_long_ones) {
    process stranger(*this, {.secret = base::secret("ffffffffffffffffffffffffffffffff")});
    refresh(stranger);
    const auto tokens = log_in();
    const std::string invalid = "the credential is neither an API key nor a valid access token";
    EXPECT_EQ(authenticate(stranger, *tokens), invalid);
    process rotating(*this, {.secret = base::secret("ffffffffffffffffffffffffffffffff"),
                             .previous_secret = secret_});
    refresh(rotating);
    EXPECT_EQ(authenticate(rotating, *tokens), "ada");
    app::issued_tokens forged{.access_token = base::secret(std::string(65'536, 'a') + ".a.a")};
    EXPECT_EQ(authenticate(here_, forged), "the access token is too long");
    forged.access_token = base::secret(tokens->access_token.reveal() + "A");
    EXPECT_EQ(authenticate(here_, forged), invalid);
}

TEST_F(session_manager, rejects_tokens_of_the_secret_that_the_platform_cannot_have_issued) {
    const auto user = here_.users.find("ada");
    const auto now = clock_.utc_now();
    const auto key = token::jwt_key::make_hs256(here_.signing->keys()->keys.at(0).id(), secret_);
    const token::jwt_claims possible{.issuer = "kubedb-dbaas",
                                     .audience = "kubedb-dbaas",
                                     .subject = "ada",
                                     .id = std::string(16, 'j'),
                                     .session = std::string(20, 's'),
                                     .epoch = user->session_epoch,
                                     .issued_at = now,
                                     .expires_at = now + 15min};
    const auto verdict = [&](auto&& change) {
        auto claims = possible;
        change(claims);
        const app::issued_tokens tokens{
            .session = claims.session, .access_token = base::secret(token::sign_jwt(*key, claims))};
        return authenticate(here_, tokens);
    };
    const std::string invalid = "the credential is neither an API key nor a valid access token";
    EXPECT_EQ(verdict([](auto&) {}), "ada");
    EXPECT_EQ(verdict([](auto& claims) { claims.expires_at += 1s; }), invalid);
    EXPECT_EQ(verdict([](auto& claims) { claims.expires_at += std::chrono::years(50); }), invalid);
    EXPECT_EQ(verdict([](auto& claims) { claims.issued_at -= std::chrono::days(1); }), invalid);
    EXPECT_EQ(verdict([](auto& claims) { claims.session = ""; }), invalid);
    EXPECT_EQ(verdict([](auto& claims) { claims.session = "s"; }), invalid);
    EXPECT_EQ(verdict([](auto& claims) { claims.session = std::string(20, '/'); }), invalid);
    EXPECT_EQ(verdict([](auto& claims) { claims.id = "j"; }), invalid);
    EXPECT_EQ(verdict([](auto& claims) { claims.epoch = 0; }), ended_text);
}

// Returns a different rejected credential for each number.
base::secret bad_credential(const std::string& token, std::size_t number) {
    const auto changed = fmt::format("{:06}", number);
    switch (number % 4) {
        case 0: {  // a wrong signature
            auto text = token;
            text.replace(text.size() - 10, changed.size(), changed);
            return base::secret(std::move(text));
        }
        case 1: {  // an unknown key
            const auto key = token::jwt_key::make_hs256("k" + changed, base::secret(token)).value();
            return base::secret(token::sign_jwt(
                key, {.issuer = "x", .audience = "x", .subject = "ada", .id = changed}));
        }
        case 2:
            return app::key_registry::new_key_text();
        default:
            return base::secret(changed + "." + token);
    }
}

TEST_F(session_manager, accepts_valid_tokens_during_a_flood_of_invalid_ones) {
    const auto tokens = log_in();
    const auto& valid = tokens->access_token.reveal();
    ASSERT_EQ(authenticate(here_, *tokens), "ada");
    const auto runs = passwords_.runs();
    constexpr std::size_t threads = 4;
    constexpr std::size_t credentials = 1000;
    std::atomic<std::size_t> rejected{0};
    std::atomic<std::size_t> accepted{0};
    {
        std::vector<std::jthread> workers;
        workers.reserve(threads);
        for (std::size_t worker = 0; worker < threads; ++worker) {
            workers.emplace_back([&, worker] {
                for (auto i = worker; i < credentials; i += threads) {
                    const auto bad = "Bearer " + bad_credential(valid, i).reveal();
                    const auto good = "Bearer " + valid;
                    const auto& authenticator = here_.authenticator;
                    if (!authenticator.authenticate({.authorization = bad, .client = {}})) {
                        ++rejected;
                    }
                    if (authenticator.authenticate({.authorization = good, .client = {}})) {
                        ++accepted;
                    }
                }
            });
        }
    }
    EXPECT_EQ(rejected.load(), credentials);
    EXPECT_EQ(accepted.load(), credentials);
    EXPECT_EQ(here_.by_token.size(), 1U) << "only valid tokens are kept";
    EXPECT_EQ(passwords_.runs(), runs);
}

TEST_F(session_manager, accepts_tokens_of_the_secret_before_a_change) {
    const auto old_tokens = log_in();
    const base::secret next("ffffffffffffffffffffffffffffffff");
    ASSERT_TRUE(here_.signing->use_secret(next, {}));
    const auto new_tokens = log_in();
    EXPECT_EQ(authenticate(here_, *old_tokens), "ada");
    EXPECT_EQ(authenticate(here_, *new_tokens), "ada");
    EXPECT_NE(authenticate(other_, *new_tokens), "ada");
    ASSERT_TRUE(other_.signing->use_secret(secret_, next));
    EXPECT_EQ(authenticate(other_, *new_tokens), "ada");
    EXPECT_EQ(here_.signing->use_secret(base::secret("short"), {}).error().code,
              base::errc::invalid);
    EXPECT_EQ(authenticate(here_, *new_tokens), "ada");
}

TEST_F(session_manager, renews_a_hash_with_weaker_parameters) {
    app::password_pool stronger{{.parameters = {.memory_kibibytes = 128, .passes = 1}}};
    app::user_registry users({.store = store_,
                              .members = here_.members,
                              .passwords = stronger,
                              .clock = clock_,
                              .log = log_});
    ASSERT_TRUE(run<void>([&] { return users.load(); }));
    app::session_manager sessions({.store = store_,
                                   .users = users,
                                   .passwords = stronger,
                                   .keys = *here_.signing,
                                   .ended = here_.ended,
                                   .clock = clock_,
                                   .log = log_});
    const auto log_in = [&] {
        return run<app::issued_tokens>(
            [&] { return sessions.log_in("ada", base::secret("correct horse")); });
    };
    EXPECT_TRUE(log_in());
    EXPECT_TRUE(users.find("ada")->password_hash.contains("m=128"));
    EXPECT_TRUE(log_in());
}

class signing_keys : public testing::Test {
  protected:
    std::unique_ptr<app::signing_keys> make() {
        auto keys = app::signing_keys::make({.store = store_, .clock = clock_, .log = log_},
                                            {.sealer = sealer_})
                        .value();
        refresh(*keys);
        return keys;
    }
    void refresh(app::signing_keys& keys) {
        const auto refreshed = fakes::poll_until_done<void>(loop_, [&] { return keys.refresh(); });
        EXPECT_TRUE(refreshed) << refreshed.error().text;
    }
    static std::string signer(const app::signing_keys& keys) {
        const auto set = keys.keys();
        return set->keys[set->signer].id();
    }

    aio::loop loop_;
    fakes::manual_clock clock_;
    fakes::memory_document_store store_;
    fakes::recording_log log_;
    std::shared_ptr<const token::sealer> sealer_ = std::make_shared<const token::sealer>(
        token::parse_platform_key(std::string(64, 'a')).value());
};

TEST_F(signing_keys, are_the_same_in_every_process_and_sealed_in_the_store) {
    const auto here = make();
    const auto other = make();
    EXPECT_EQ(*here->keys()->document, *other->keys()->document);
    EXPECT_TRUE(here->keys()->document->contains(R"("kid":"ed25519-000001")"));
    const auto page = fakes::poll_until_done<ports::page>(
        loop_, [&] { return store_.find({.collection = "signing_keys"}); });
    ASSERT_EQ(page->items.size(), 1U);
    EXPECT_FALSE(page->items[0].body.contains("PRIVATE"));
}

TEST_F(signing_keys, are_published_then_sign_then_retire) {
    const auto keys = make();
    clock_.advance(std::chrono::days(30));
    refresh(*keys);
    EXPECT_EQ(keys->keys()->keys.size(), 2U);
    EXPECT_EQ(signer(*keys), "ed25519-000001");
    clock_.advance(1h);
    refresh(*keys);
    EXPECT_EQ(signer(*keys), "ed25519-000002");
    EXPECT_EQ(keys->keys()->keys.size(), 2U);  // tokens of the first one are valid
    clock_.advance(1h);
    refresh(*keys);
    EXPECT_EQ(keys->keys()->keys.size(), 1U);
    refresh(*keys);
    EXPECT_EQ(signer(*keys), "ed25519-000002");
}

TEST_F(signing_keys, are_sealed_again_with_a_new_platform_key) {
    make();
    const auto next = token::parse_platform_key(std::string(64, 'b')).value();
    const auto previous = token::parse_platform_key(std::string(64, 'a')).value();
    sealer_ = std::make_shared<const token::sealer>(next, previous);
    make();
    sealer_ = std::make_shared<const token::sealer>(next);
    make();
    sealer_ = std::make_shared<const token::sealer>(previous);
    const auto keys = app::signing_keys::make({.store = store_, .clock = clock_, .log = log_},
                                              {.sealer = sealer_})
                          .value();
    const auto refreshed = fakes::poll_until_done<void>(loop_, [&] { return keys->refresh(); });
    EXPECT_EQ(refreshed.error().code, base::errc::denied);
}

TEST(key_schedule, needs_two_keys_before_it_rotates) {
    using std::chrono::days;
    const base::instant now{std::chrono::seconds(1'800'000'000)};
    EXPECT_FALSE(app::schedule_of({{"a", now}}, now).needs_new);
    EXPECT_EQ(app::schedule_of({{"a", now}}, now).signer, 0U);  // the first one signs at once
    EXPECT_TRUE(app::schedule_of({{"a", now - days(30)}}, now).needs_new);
    EXPECT_EQ(app::schedule_of({{"a", now - days(30)}, {"b", now - 59min}}, now).signer, 0U);
    EXPECT_EQ(app::schedule_of({{"a", now - days(30)}, {"b", now - 1h}}, now).signer, 1U);
    EXPECT_TRUE(
        app::schedule_of({{"a", now - days(30)}, {"b", now - 119min}}, now).retired.empty());
    EXPECT_EQ(app::schedule_of({{"a", now - days(30)}, {"b", now - 2h}}, now).retired.size(), 1U);
}

}  // namespace
