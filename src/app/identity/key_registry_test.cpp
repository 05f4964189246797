#include "app/identity/key_registry.hpp"

#include <gtest/gtest.h>

#include <regex>

#include "app/identity/api_key_json.hpp"
#include "app/identity/key_authenticator.hpp"
#include "app/store_failure.hpp"
#include "base/time_text.hpp"
#include "test/support/authenticator_contract.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/memory_document_store.hpp"
#include "test/support/poll_until_done.hpp"
#include "test/support/recording_log.hpp"

namespace {

using fakes::authenticator_contract;
using namespace std::chrono_literals;
using domain::permission;

std::shared_ptr<const domain::principal> administrator() {
    return std::make_shared<const domain::principal>(
        domain::principal{.subject = "admin", .is_administrator = true});
}

class key_registry : public testing::Test {
  protected:
    template <class T>
    base::outcome<T> run(std::function<aio::task<T>()> start) {
        return fakes::poll_until_done<T>(loop_, std::move(start));
    }
    app::created_key create(domain::api_key_request wanted,
                            std::shared_ptr<const domain::principal> client = administrator()) {
        if (!wanted.name) wanted.name = "ci";
        auto created = run<app::created_key>([&] { return keys_.create_key(wanted, client); });
        EXPECT_TRUE(created) << created.error().text;
        return std::move(*created);
    }
    base::outcome<void> revoke(const app::created_key& key) {
        return run<void>([&] { return keys_.revoke_key(key.record->id); });
    }
    // Returns the subject of the text, or the text of the failure.
    static std::string subject_of(const app::key_registry& keys, const base::clock& clock,
                                  const std::string& text) {
        const app::key_authenticator authenticator(keys, clock);
        const auto header = "Bearer " + text;
        const auto caller =
            authenticator.authenticate({.authorization = header, .client = "127.0.0.1:1"});
        return caller ? (*caller)->subject : caller.error().text;
    }
    std::string subject_of(const app::created_key& key) {
        return subject_of(keys_, clock_, key.text.reveal());
    }
    std::string stored_text() {
        std::string text;
        const auto page = run<ports::page>([&] { return store_.find({.collection = "api_keys"}); });
        for (const auto& document : page.value().items) text += document.id + document.body;
        return text;
    }

    aio::loop loop_;
    fakes::manual_clock clock_;
    fakes::memory_document_store store_;
    fakes::recording_log log_;
    app::state_cache cache_{clock_, 10s};
    app::member_registry members_{
        {.store = store_, .projects = cache_, .clock = clock_, .log = log_}};
    app::key_registry keys_{{.store = store_, .members = members_, .clock = clock_, .log = log_}};
};

TEST_F(key_registry, authenticates_a_created_key_with_its_limits) {
    const auto key = create({.subject = "robot",
                             .permissions = std::vector<std::string>{"databases.create"},
                             .projects = std::vector<std::string>{"shop"}});
    EXPECT_EQ(subject_of(key), "robot");
    const auto& caller = *keys_.keys()->at(key.record->id).caller;
    EXPECT_FALSE(caller.is_administrator);
    EXPECT_EQ(caller.credential, "key:" + key.record->id);
    EXPECT_EQ(caller.limits.permissions, std::set{permission::create_databases});
    EXPECT_TRUE(caller.limits.allow_project("shop"));
    EXPECT_FALSE(caller.limits.allow_project("bank"));
}

TEST_F(key_registry, never_stores_or_logs_the_text_of_a_key) {
    const auto key = create({});
    EXPECT_TRUE(revoke(key));
    const auto& text = key.text.reveal();
    const auto secret = text.substr(text.rfind('_') + 1);
    EXPECT_FALSE(stored_text().contains(secret)) << stored_text();
    EXPECT_TRUE(stored_text().contains(key.record->id));
    for (const auto& line : log_.lines()) EXPECT_FALSE(line.contains(secret)) << line;
    EXPECT_FALSE(subject_of(key).contains(secret));
}

TEST_F(key_registry, creates_no_key_of_a_kubernetes_service_account) {
    const auto account = std::make_shared<const domain::principal>(
        domain::principal{.subject = "system:serviceaccount:shop:ci", .credential = "kubernetes"});
    const auto create_own = [&] { return keys_.create_key({.name = "ci"}, account); };
    EXPECT_EQ(run<app::created_key>(create_own).error().code, base::errc::denied);
    const auto of_account = run<app::created_key>(
        [&] { return keys_.create_key_of("service_account:ci", {.name = "ci"}, account); });
    ASSERT_TRUE(of_account) << of_account.error().text;
    EXPECT_EQ(of_account->record->created_by, account->subject);
}

TEST_F(key_registry, creates_no_key_of_a_token_of_an_issuer_for_its_own_subject) {
    const auto token = [](bool is_administrator) {
        return std::make_shared<const domain::principal>(
            domain::principal{.subject = "corp.ada",
                              .is_administrator = is_administrator,
                              .credential = "oidc:corp"});
    };
    const auto create_with = [&](domain::api_key_request wanted,
                                 const app::shared_principal& client) {
        wanted.name = "k";
        const auto key =
            run<app::created_key>([&] { return keys_.create_key(std::move(wanted), client); });
        return key ? std::string("created") : key.error().text;
    };
    for (const bool is_administrator : {false, true}) {
        const auto client = token(is_administrator);
        EXPECT_TRUE(create_with({}, client).starts_with("an access token of an issuer"));
        EXPECT_TRUE(create_with({.subject = "corp.ada"}, client).contains("log in"));
    }
    EXPECT_EQ(keys_.keys()->size(), 0U);
    // An administrator may create keys of other subjects.
    EXPECT_EQ(create_with({.subject = "robot"}, token(true)), "created");
    // A session of the same person may, and an owner may create keys of service accounts.
    const auto session = std::make_shared<const domain::principal>(
        domain::principal{.subject = "corp.ada", .credential = "session:1"});
    const auto own =
        run<app::created_key>([&] { return keys_.create_key({.name = "k"}, session); });
    ASSERT_TRUE(own) << own.error().text;
    const auto rotate_with = [&](const app::shared_principal& client) {
        return run<app::created_key>([&] { return keys_.rotate_key(own->record->id, {}, client); });
    };
    const auto patch_with = [&](const app::shared_principal& client) {
        return run<std::shared_ptr<const domain::api_key>>(
            [&] { return keys_.patch_key(own->record->id, {.name = "wider"}, {}, client); });
    };
    EXPECT_EQ(patch_with(token(false)).error().code, base::errc::denied);
    EXPECT_TRUE(patch_with(session));
    EXPECT_EQ(rotate_with(token(false)).error().code, base::errc::denied);
    EXPECT_TRUE(rotate_with(session));
    EXPECT_TRUE(run<app::created_key>(
        [&] { return keys_.create_key_of("service_account:ci", {.name = "ci"}, token(false)); }));
}

TEST_F(key_registry, rejects_a_key_after_its_revocation_and_expiry) {
    const auto revoked = create({});
    const auto expiring = create({});
    EXPECT_TRUE(revoke(revoked));
    EXPECT_TRUE(revoke(revoked));  // again
    EXPECT_EQ(subject_of(revoked), "the API key is revoked");
    EXPECT_EQ(subject_of(expiring), "admin");
    clock_.advance(std::chrono::days(90));
    EXPECT_EQ(subject_of(expiring), "the API key has expired");
}

TEST_F(key_registry, bounds_the_keys_of_a_creator_and_keeps_some_for_administrators) {
    // As `creator` has created `count` keys in another process.
    const auto add = [&](const std::string& creator, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            const auto id = fmt::format("{}{}", creator, i);
            const domain::api_key key{.id = id,
                                      .name = "k",
                                      .subject = creator,
                                      .digest = std::string(64, '0'),
                                      .created_by = creator,
                                      .expires_at = clock_.utc_now() + std::chrono::days(1)};
            ASSERT_TRUE(run<ports::revision>([&] {
                return store_.put(
                    {.collection = "api_keys", .content = {.id = id, .body = app::encode(key)}});
            }));
        }
        ASSERT_TRUE(run<void>([&] { return keys_.load(); }));
    };
    const auto create_as = [&](const std::string& subject) {
        const auto client =
            std::make_shared<const domain::principal>(domain::principal{.subject = subject});
        const auto created =
            run<app::created_key>([&] { return keys_.create_key({.name = "k"}, client); });
        return created ? std::string("created") : created.error().reason;
    };
    using app::key_commands;
    add("ada", key_commands::keys_of_creator_max - 1);
    EXPECT_EQ(create_as("ada"), "created");
    EXPECT_EQ(create_as("ada"), "too_many");
    EXPECT_EQ(create_as("ben"), "created");
    add("many",
        key_commands::keys_max - key_commands::keys_of_administrators - keys_.keys()->size());
    EXPECT_EQ(create_as("ben"), "too_many");
    create({});  // as an administrator
    add("more", key_commands::keys_max - keys_.keys()->size());
    const auto last =
        run<app::created_key>([&] { return keys_.create_key({.name = "k"}, administrator()); });
    EXPECT_EQ(last.error().reason, "too_many");
}

TEST_F(key_registry, counts_the_keys_of_all_service_accounts_of_an_owner_together) {
    const auto owner =
        std::make_shared<const domain::principal>(domain::principal{.subject = "ada"});
    // Returns a caller with the first key of an account, which the owner has created.
    const auto account = [&](const std::string& name) {
        const auto subject = domain::subject_of_account(name);
        const auto key = run<app::created_key>(
            [&] { return keys_.create_key_of(subject, {.name = "k"}, owner); });
        EXPECT_TRUE(key) << key.error().text;
        return std::make_shared<const domain::principal>(
            domain::principal{.subject = subject, .credential = "key:" + key->record->id});
    };
    const auto create_as = [&](const std::shared_ptr<const domain::principal>& client) {
        const auto created =
            run<app::created_key>([&] { return keys_.create_key({.name = "k"}, client); });
        return created ? std::string("created") : created.error().reason;
    };
    const auto first = account("one");
    const auto second = account("two");
    for (std::size_t i = 0; i < app::key_commands::keys_of_creator_max; ++i) {
        ASSERT_EQ(create_as(i % 2 == 0 ? first : second), "created") << i;
    }
    EXPECT_EQ(create_as(first), "too_many");
    EXPECT_EQ(create_as(second), "too_many");
    EXPECT_EQ(create_as(owner), "created");
}

TEST_F(key_registry, survives_a_restart) {
    const auto active = create({.subject = "robot"});
    const auto revoked = create({});
    EXPECT_TRUE(revoke(revoked));
    app::member_registry restarted_members(
        {.store = store_, .projects = cache_, .clock = clock_, .log = log_});
    app::key_registry restarted(
        {.store = store_, .members = restarted_members, .clock = clock_, .log = log_});
    ASSERT_TRUE(run<void>([&] { return restarted.load(); }));
    EXPECT_EQ(subject_of(restarted, clock_, active.text.reveal()), "robot");
    EXPECT_EQ(subject_of(restarted, clock_, revoked.text.reveal()), "the API key is revoked");
    EXPECT_EQ(*restarted.keys()->at(active.record->id).record, *active.record);
}

TEST_F(key_registry, adopts_the_keys_of_another_process) {
    app::member_registry other_members(
        {.store = store_, .projects = cache_, .clock = clock_, .log = log_});
    app::key_registry other(
        {.store = store_, .members = other_members, .clock = clock_, .log = log_});
    const auto key = create({});
    EXPECT_EQ(subject_of(other, clock_, key.text.reveal()), "there is no such API key");
    ASSERT_TRUE(run<void>([&] { return other.refresh(); }));
    EXPECT_EQ(subject_of(other, clock_, key.text.reveal()), "admin");
    EXPECT_TRUE(run<void>([&] { return other.revoke_key(key.record->id); }));
    EXPECT_EQ(subject_of(key), "admin");
    ASSERT_TRUE(run<void>([&] { return keys_.refresh(); }));
    EXPECT_EQ(subject_of(key), "the API key is revoked");
}

TEST_F(key_registry, revokes_a_key_that_another_process_has_written) {
    const auto key = create({});
    app::member_registry other_members(
        {.store = store_, .projects = cache_, .clock = clock_, .log = log_});
    app::key_registry other(
        {.store = store_, .members = other_members, .clock = clock_, .log = log_});
    ASSERT_TRUE(run<void>([&] { return other.load(); }));
    ASSERT_TRUE(run<void>([&] { return other.revoke_key(key.record->id); }));
    EXPECT_TRUE(revoke(key));
    EXPECT_EQ(subject_of(key), "the API key is revoked");
}

TEST_F(key_registry, succeeds_if_the_response_of_a_revocation_is_lost) {
    const auto key = create({});
    store_.lose_next_response();
    EXPECT_TRUE(revoke(key));
    EXPECT_EQ(subject_of(key), "the API key is revoked");
}

TEST_F(key_registry, reports_a_store_that_is_unavailable) {
    const auto key = create({});
    store_.fail_next(2);
    EXPECT_EQ(revoke(key).error().code, base::errc::unavailable);
    EXPECT_EQ(subject_of(key), "admin");
    store_.fail_next(1);
    const auto created =
        run<app::created_key>([&] { return keys_.create_key({.name = "x"}, administrator()); });
    EXPECT_EQ(created.error().code, base::errc::unavailable);
    EXPECT_EQ(run<void>([&] { return keys_.revoke_key("nope"); }).error().code,
              base::errc::not_found);
}

TEST_F(key_registry, has_no_context_of_the_store_in_failures_of_the_request) {
    const auto key = create({});
    const auto id = key.record->id;
    using shared_key = std::shared_ptr<const domain::api_key>;
    const auto other_revision = run<shared_key>([&] {
        return keys_.patch_key(id, {.name = "x"}, std::vector<std::int64_t>{7}, administrator());
    });
    EXPECT_EQ(other_revision.error().text, "the API key has revision 1");
    EXPECT_EQ(run<void>([&] { return keys_.revoke_key("none"); }).error().text,
              "there is no API key 'none'");
    EXPECT_EQ(run<app::created_key>([&] { return keys_.rotate_key("none", {}, administrator()); })
                  .error()
                  .text,
              "there is no API key 'none'");
    store_.fail_next(2);
    const auto failed = run<void>([&] { return keys_.revoke_key(id); });
    EXPECT_TRUE(app::is_of_store(failed.error())) << failed.error().text;
    EXPECT_TRUE(failed.error().text.starts_with("write api_keys: ")) << failed.error().text;
}

TEST_F(key_registry, purges_old_revoked_and_expired_keys) {
    const auto revoked = create({});
    EXPECT_TRUE(revoke(revoked));
    create({});
    const auto purge = [&] {
        return run<void>([&]() -> aio::task<void> {
            return keys_.purge(clock_.utc_now() - app::key_registry::retention);
        });
    };
    EXPECT_TRUE(purge());
    EXPECT_EQ(keys_.keys()->size(), 2U);
    clock_.advance(app::key_registry::retention + 1s);
    EXPECT_TRUE(purge());
    EXPECT_EQ(keys_.keys()->size(), 1U);
    clock_.advance(std::chrono::days(90));
    EXPECT_TRUE(purge());
    EXPECT_TRUE(keys_.keys()->empty());
    EXPECT_EQ(stored_text(), "");
}

TEST_F(key_registry, keeps_a_revoked_key_that_does_not_expire) {
    const auto text = app::key_registry::new_key_text();
    const auto admit = [&] { return run<void>([&] { return keys_.admit_admin_key(text); }); };
    ASSERT_TRUE(admit());
    const auto id = keys_.keys()->begin()->first;
    ASSERT_TRUE(run<void>([&] { return keys_.revoke_key(id); }));
    clock_.advance(app::key_registry::retention + std::chrono::days(400));
    EXPECT_TRUE(run<void>([&]() -> aio::task<void> {
        return keys_.purge(clock_.utc_now() - app::key_registry::retention);
    }));
    EXPECT_TRUE(admit());
    EXPECT_TRUE(keys_.keys()->at(id).record->revoked_at);
}

TEST_F(key_registry, limits_the_keys_of_a_limited_key) {
    const auto parent = create({.permissions = std::vector<std::string>{"keys.create"},
                                .expires_at = base::to_rfc3339(clock_.utc_now() + 1h)});
    const auto client = keys_.keys()->at(parent.record->id).caller;
    const auto child = create({.permissions = std::vector<std::string>{"keys.create"}}, client);
    EXPECT_EQ(child.record->created_by_key, parent.record->id);
    EXPECT_EQ(child.record->expires_at, parent.record->expires_at);
    const auto wider =
        run<app::created_key>([&] { return keys_.create_key({.name = "x"}, client); });
    EXPECT_EQ(wider.error().code, base::errc::denied);
}

TEST_F(key_registry, passes_max_unused_days_on_to_the_keys_of_a_key) {
    const auto parent = create({.max_unused_days = 30});
    const auto unlimited = create({});
    const auto client = keys_.keys()->at(parent.record->id).caller;
    const auto child = create({}, client);
    EXPECT_EQ(child.record->max_unused->duration, std::chrono::days(30));
    EXPECT_EQ(create({.max_unused_days = 7}, client).record->max_unused->duration,
              std::chrono::days(7));
    const auto longer = run<app::created_key>(
        [&] { return keys_.create_key({.name = "x", .max_unused_days = 31}, client); });
    EXPECT_EQ(longer.error().code, base::errc::invalid);
    EXPECT_EQ(longer.error().fields.at(0).pointer, "/max_unused_days");
    const auto of_account = run<app::created_key>(
        [&] { return keys_.create_key_of("service_account:ci", {.name = "ci"}, client); });
    EXPECT_EQ(of_account.value().record->max_unused->duration, std::chrono::days(30));
    using shared_key = std::shared_ptr<const domain::api_key>;
    const auto patch = [&](const app::created_key& key, domain::api_key_patch wanted) {
        wanted.expires_at = base::to_rfc3339(clock_.utc_now() + 1h);
        const auto changed =
            run<shared_key>([&] { return keys_.patch_key(key.record->id, wanted, {}, client); });
        return changed ? std::string("ok") : std::string(base::name(changed.error().code));
    };
    EXPECT_EQ(patch(child, {.max_unused_days = 14}), "ok");
    EXPECT_EQ(patch(child, {.max_unused_days = 31}), "invalid");
    EXPECT_EQ(patch(child, {.max_unused_days = std::optional<std::int64_t>()}), "denied");
    EXPECT_EQ(patch(unlimited, {.max_unused_days = 7}), "denied");
    const auto rotate = [&](const app::created_key& key) {
        return run<app::created_key>([&] { return keys_.rotate_key(key.record->id, {}, client); });
    };
    EXPECT_TRUE(rotate(child));
    EXPECT_EQ(rotate(unlimited).error().code, base::errc::denied);
}

TEST_F(key_registry, accepts_the_secret_before_a_rotation_for_the_overlap) {
    const auto key = create({});
    const auto rotate = [&](std::int64_t overlap) {
        auto rotated = run<app::created_key>([&] {
            return keys_.rotate_key(key.record->id, {.overlap_seconds = overlap}, administrator());
        });
        EXPECT_TRUE(rotated) << rotated.error().text;
        return std::move(*rotated);
    };
    const auto second = rotate(60);
    EXPECT_EQ(second.record->id, key.record->id);
    EXPECT_EQ(subject_of(key), "admin");
    EXPECT_EQ(subject_of(second), "admin");
    app::member_registry other_members(
        {.store = store_, .projects = cache_, .clock = clock_, .log = log_});
    app::key_registry restarted(
        {.store = store_, .members = other_members, .clock = clock_, .log = log_});
    ASSERT_TRUE(run<void>([&] { return restarted.load(); }));
    EXPECT_EQ(subject_of(restarted, clock_, key.text.reveal()), "admin");
    EXPECT_EQ(subject_of(restarted, clock_, second.text.reveal()), "admin");
    clock_.advance(60s);
    EXPECT_EQ(subject_of(key), "there is no such API key");
    EXPECT_EQ(subject_of(second), "admin");
    const auto third = rotate(0);
    EXPECT_EQ(subject_of(second), "there is no such API key");
    EXPECT_EQ(subject_of(third), "admin");
}

TEST_F(key_registry, rejects_a_key_of_another_address_like_a_missing_one) {
    const auto key = create({.cidrs = std::vector<std::string>{"10.0.0.0/8"}});
    const app::key_authenticator authenticator(keys_, clock_);
    const auto header = "Bearer " + key.text.reveal();
    const auto code = [&](std::string_view address) {
        const auto caller =
            authenticator.authenticate({.authorization = header, .address = address});
        return caller ? (*caller)->subject : caller.error().text;
    };
    EXPECT_EQ(code("10.1.2.3"), "admin");
    EXPECT_EQ(code("192.0.2.1"), "there is no such API key");
    EXPECT_EQ(code(""), "there is no such API key");
}

TEST_F(key_registry, changes_a_key_of_the_expected_revision) {
    const auto key = create({});
    const auto patch = [&](app::key_commands::revisions allowed) {
        return run<std::shared_ptr<const domain::api_key>>([&] {
            return keys_.patch_key(key.record->id, {.name = "cd"}, allowed, administrator());
        });
    };
    EXPECT_EQ(patch({{key.record->revision + 1}}).error().code, base::errc::precondition);
    EXPECT_EQ(patch({{key.record->revision}}).value()->name, "cd");
    EXPECT_TRUE(revoke(key));
    EXPECT_EQ(patch({}).error().code, base::errc::not_found);
}

TEST_F(key_registry, admits_the_admin_key_once) {
    EXPECT_FALSE(keys_.has_administrator());
    const auto text = app::key_registry::new_key_text();
    const auto admit = [&](const base::secret& key) {
        return run<void>([&] { return keys_.admit_admin_key(key); });
    };
    EXPECT_TRUE(admit(text));
    EXPECT_TRUE(keys_.has_administrator());
    EXPECT_EQ(subject_of(keys_, clock_, text.reveal()), "admin");
    const auto id = keys_.keys()->begin()->first;
    EXPECT_TRUE(run<void>([&] { return keys_.revoke_key(id); }));
    EXPECT_TRUE(admit(text));
    EXPECT_FALSE(keys_.has_administrator());  // a revoked key stays revoked
    EXPECT_EQ(admit(base::secret("dbk_x")).error().code, base::errc::invalid);
}

TEST_F(key_registry, admits_the_admin_key_that_another_process_admits_at_the_same_time) {
    app::member_registry other_members(
        {.store = store_, .projects = cache_, .clock = clock_, .log = log_});
    app::key_registry other(
        {.store = store_, .members = other_members, .clock = clock_, .log = log_});
    const auto text = app::key_registry::new_key_text();
    ASSERT_TRUE(run<void>([&] { return other.admit_admin_key(text); }));
    const auto admitted = run<void>([&] { return keys_.admit_admin_key(text); });
    EXPECT_TRUE(admitted) << admitted.error().text;
    EXPECT_EQ(subject_of(keys_, clock_, text.reveal()), "admin");
}

TEST_F(key_registry, has_no_administrator_with_limited_keys_alone) {
    create({.permissions = std::vector<std::string>{"databases.read"}});
    create({.projects = std::vector<std::string>{"shop"}});
    create({.subject = "robot"});
    EXPECT_FALSE(keys_.has_administrator());
}

TEST(api_key_json, is_read_as_it_was_written) {
    const base::instant now{1'800'000'000s};
    const domain::api_key key{
        .id = "abc",
        .name = "ci",
        .subject = "robot",
        .limits = {.permissions = std::set{permission::read_keys, permission::create_databases},
                   .projects = std::set<std::string, std::less<>>{"bank", "shop"}},
        .digest = std::string(64, 'a'),
        .last_four = "wxyz",
        .created_at = now,
        .created_by = "admin",
        .created_by_key = "def",
        .expires_at = now + 1h,
        .revoked_at = now + 1min};
    EXPECT_EQ(app::decode_api_key(app::encode(key)).value(), key);
    EXPECT_TRUE(app::encode(key).contains("\"v\":1,"));  // readable by the release before
    auto extended = key;
    extended.limits.databases = std::set<std::string, std::less<>>{"db-a"};
    extended.limits.networks = std::vector{base::parse_ip_network("10.0.0.0/8").value()};
    extended.previous_digest = std::string(64, 'b');
    extended.previous_until = now + 1h;
    EXPECT_TRUE(app::encode(extended).contains("\"v\":2,"));
    EXPECT_EQ(app::decode_api_key(app::encode(extended)).value(), extended);
    auto keyed = key;
    keyed.digest_key = "dk-000001";
    EXPECT_TRUE(app::encode(keyed).contains("\"v\":3,"));
    EXPECT_EQ(app::decode_api_key(app::encode(keyed)).value(), keyed);
    keyed = extended;
    keyed.previous_digest_key = "dk-000001";
    EXPECT_EQ(app::decode_api_key(app::encode(keyed)).value(), keyed);
    auto limited = key;
    limited.max_unused = domain::unused_limit{.duration = std::chrono::days(7), .since = now};
    EXPECT_TRUE(app::encode(limited).contains("\"v\":4,"));
    EXPECT_EQ(app::decode_api_key(app::encode(limited)).value(), limited);
    EXPECT_EQ(app::decode_api_key(app::encode(domain::api_key{})).value(), domain::api_key{});
}

// A key must not gain permissions when a member is missing or unknown.
TEST(api_key_json, rejects_texts_that_it_did_not_write) {
    const auto good = app::encode(domain::api_key{.id = "abc"});
    const auto replaced = [&](const char* pattern, const char* replacement) {
        const auto text = std::regex_replace(good, std::regex(pattern), replacement);
        EXPECT_NE(text, good) << pattern;
        return text;
    };
    for (const auto& text :
         {std::string("{}"), std::string("[]"), std::string("x"), replaced("\"v\":1", "\"v\":2"),
          replaced("\"v\":1", "\"v\":3"), replaced("\"v\":1", "\"v\":4"),
          replaced("\"v\":1", "\"v\":5"), replaced("\"v\":1", "\"v\":0"),
          replaced("\"permissions\":null,", ""), replaced("\"projects\":null,", ""),
          replaced("\"permissions\":null", "\"permissions\":[\"databases.fly\"]"),
          replaced("\"permissions\":null", "\"permissions\":true"),
          replaced("\"projects\":null", "\"projects\":[1]"),
          replaced("\"revoked_at\":null", "\"revoked_at\":0"), replaced(",\"revoked_at\":null", ""),
          replaced("\"subject\":\"\"", "\"subject\":1")}) {
        const auto key = app::decode_api_key(text);
        ASSERT_FALSE(key) << text;
        EXPECT_EQ(key.error().code, base::errc::corrupt) << text;
    }
}

TEST(api_key_json, rejects_an_unreadable_limit_of_the_time_without_use) {
    const auto good = app::encode(domain::api_key{
        .id = "abc",
        .max_unused =
            domain::unused_limit{.duration = std::chrono::days(7), .since = base::instant(1h)}});
    ASSERT_TRUE(app::decode_api_key(good)) << good;
    for (const auto* member : {"\"max_unused_days\":0", "\"max_unused_days\":367",
                               "\"max_unused_days\":\"7\"", "\"x\":7"}) {
        const auto text = std::regex_replace(good, std::regex("\"max_unused_days\":7"), member);
        EXPECT_EQ(app::decode_api_key(text).error().code, base::errc::corrupt) << text;
    }
    for (const auto* member : {"\"max_unused_since\":null", "\"max_unused_since\":1"}) {
        const auto text =
            std::regex_replace(good, std::regex("\"max_unused_since\":\"[^\"]*\""), member);
        EXPECT_EQ(app::decode_api_key(text).error().code, base::errc::corrupt) << text;
    }
}

// A registry with one key, and the authenticator over it.
class registry_authenticator final : public ports::authenticator {
  public:
    explicit registry_authenticator(const base::secret& text) {
        aio::loop loop;
        EXPECT_TRUE(
            fakes::poll_until_done<void>(loop, [&] { return keys_.admit_admin_key(text); }));
    }
    [[nodiscard]] base::outcome<std::shared_ptr<const domain::principal>> authenticate(
        const ports::authentication_request& request) const override {
        return authenticator_.authenticate(request);
    }

  private:
    fakes::manual_clock clock_;
    fakes::memory_document_store store_;
    fakes::recording_log log_;
    app::state_cache cache_{clock_, 10s};
    app::member_registry members_{
        {.store = store_, .projects = cache_, .clock = clock_, .log = log_}};
    app::key_registry keys_{{.store = store_, .members = members_, .clock = clock_, .log = log_}};
    app::key_authenticator authenticator_{keys_, clock_};
};

fakes::authenticator_world key_world() {
    const auto text = app::key_registry::new_key_text();
    const auto& key = text.reveal();
    auto changed = key;
    changed[20] = changed[20] == 'a' ? 'b' : 'a';
    return {.authenticator = std::make_unique<registry_authenticator>(text),
            .valid = {"Bearer " + key, "bearer " + key},
            .invalid = {"", "Bearer", "Bearer ", "Bearer  " + key, "Basic " + key, key,
                        "Bearer " + key + " ", "Bearer " + key + "," + key, "Bearer " + changed,
                        "Bearer " + app::key_registry::new_key_text().reveal(),
                        "Bearer " + std::string(65536, 'a'),
                        "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9."}};
}
INSTANTIATE_TEST_SUITE_P(api_keys, authenticator_contract, testing::Values(&key_world));

}  // namespace
