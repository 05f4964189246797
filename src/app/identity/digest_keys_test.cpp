#include "app/identity/digest_keys.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "app/identity/key_authenticator.hpp"
#include "app/identity/key_registry.hpp"
#include "app/ownership.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/memory_document_store.hpp"
#include "test/support/poll_until_done.hpp"
#include "test/support/recording_log.hpp"
#include "token/api_key.hpp"

namespace {

using namespace std::chrono_literals;

app::shared_sealer sealer_of(char c) {
    return std::make_shared<const token::sealer>(
        token::parse_platform_key(std::string(64, c)).value());
}

std::shared_ptr<const domain::principal> administrator() {
    return std::make_shared<const domain::principal>(
        domain::principal{.subject = "admin", .is_administrator = true});
}

class digest_keys : public testing::Test {
  protected:
    // One process over the shared store. Without digests it writes what the release before does.
    struct process {
        explicit process(digest_keys& test, app::shared_sealer sealer = sealer_of('a'),
                         bool is_earlier_release = false)
            : members({.store = test.store_,
                       .projects = test.cache_,
                       .clock = test.clock_,
                       .log = test.log_}),
              digests({.store = test.store_,
                       .clock = test.clock_,
                       .log = test.log_,
                       .sealer = std::move(sealer)}),
              keys({.store = test.store_,
                    .members = members,
                    .clock = test.clock_,
                    .log = test.log_,
                    .digests = is_earlier_release ? nullptr : &digests}) {}
        app::member_registry members;
        app::digest_keys digests;
        app::key_registry keys;
    };

    template <class T>
    base::outcome<T> run(std::function<aio::task<T>()> start) {
        return fakes::poll_until_done<T>(loop_, std::move(start));
    }
    void load(process& target) {
        const auto keys = run<void>([&] { return target.keys.load(); });
        EXPECT_TRUE(keys) << keys.error().text;
        const auto digests = run<void>([&] { return target.digests.load(); });
        EXPECT_TRUE(digests) << digests.error().text;
    }
    void refresh(process& target, bool replicas_read_it = true) {
        EXPECT_TRUE(run<void>([&] { return target.digests.refresh(replicas_read_it); }));
        EXPECT_TRUE(run<void>([&] { return target.keys.upgrade_digests(); }));
    }
    void add_first(process& target) {
        EXPECT_TRUE(run<void>([&] { return target.digests.add_first(); }));
    }
    app::created_key create(process& target) {
        auto created = run<app::created_key>(
            [&] { return target.keys.create_key({.name = "ci"}, administrator()); });
        EXPECT_TRUE(created) << created.error().text;
        return std::move(*created);
    }
    app::created_key rotate(process& target, const app::created_key& key) {
        auto rotated = run<app::created_key>(
            [&] { return target.keys.rotate_key(key.record->id, {}, administrator()); });
        EXPECT_TRUE(rotated) << rotated.error().text;
        return std::move(*rotated);
    }
    bool accepts(process& target, const app::created_key& key) {
        const app::key_authenticator authenticator(target.keys, clock_, &target.keys.moves());
        const auto header = "Bearer " + key.text.reveal();
        return authenticator.authenticate({.authorization = header, .client = "127.0.0.1:1"})
            .has_value();
    }
    std::string stored_text(const std::string& collection = "api_keys") {
        std::string text;
        const auto page = run<ports::page>([&] { return store_.find({.collection = collection}); });
        for (const auto& document : page.value().items) text += document.body + "\n";
        return text;
    }
    static std::string bare_digest(const app::created_key& key) {
        return token::to_hex(token::digest_of_api_key(key.text.reveal()));
    }

    aio::loop loop_;
    fakes::manual_clock clock_;
    fakes::memory_document_store store_;
    fakes::recording_log log_;
    app::state_cache cache_{clock_, 10s};
    process earlier_{*this, nullptr, true};
    process here_{*this};
    process other_{*this};
};

TEST_F(digest_keys, replace_the_bare_digests_of_the_release_before) {
    const auto first = create(earlier_);
    const auto before_rotation = create(earlier_);
    const auto rotated = rotate(earlier_, before_rotation);
    load(here_);
    load(other_);
    for (const auto& key : {first, before_rotation, rotated}) EXPECT_TRUE(accepts(here_, key));
    refresh(here_);
    EXPECT_EQ(here_.digests.newest(), nullptr);
    clock_.advance(app::digest_keys::settle_time);
    refresh(here_);
    ASSERT_NE(here_.digests.newest(), nullptr);
    EXPECT_TRUE(stored_text().contains(bare_digest(first)));  // the other replicas lack the key
    clock_.advance(app::digest_keys::publish_delay);
    refresh(here_);
    for (const auto& key : {first, before_rotation, rotated}) {
        EXPECT_FALSE(stored_text().contains(bare_digest(key))) << stored_text();
        EXPECT_TRUE(accepts(here_, key));
        EXPECT_TRUE(accepts(other_, key));  // has the bare digests in memory
    }
    load(other_);
    process restarted(*this);
    load(restarted);
    for (const auto& key : {first, before_rotation, rotated}) {
        EXPECT_TRUE(accepts(other_, key));
        EXPECT_TRUE(accepts(restarted, key));
    }
    EXPECT_FALSE(accepts(restarted, {.text = app::key_registry::new_key_text()}));
}

TEST_F(digest_keys, wait_until_every_replica_reads_them_for_an_hour) {
    refresh(here_);
    clock_.advance(59min);
    refresh(here_, false);
    clock_.advance(1min);
    refresh(here_);
    clock_.advance(59min);
    refresh(here_);
    EXPECT_EQ(stored_text("digest_keys"), "");
    clock_.advance(1min);
    refresh(here_);
    EXPECT_NE(stored_text("digest_keys"), "");
}

TEST_F(digest_keys, give_new_secrets_keyed_digests_at_once) {
    const auto bare = create(here_);
    EXPECT_TRUE(stored_text().contains(bare_digest(bare)));
    add_first(here_);
    const auto keyed = create(here_);
    const auto rotated = rotate(here_, bare);
    for (const auto& key : {keyed, rotated}) {
        EXPECT_FALSE(stored_text().contains(bare_digest(key)));
        EXPECT_TRUE(accepts(here_, key));
    }
    EXPECT_TRUE(stored_text().contains(bare_digest(bare)));
    EXPECT_TRUE(accepts(here_, bare));
}

TEST_F(digest_keys, upgrade_a_record_with_its_next_write) {
    const auto patched = create(earlier_);
    const auto revoked = create(earlier_);
    const auto rotated = create(earlier_);
    load(here_);
    add_first(here_);
    clock_.advance(app::digest_keys::publish_delay);
    using shared_key = std::shared_ptr<const domain::api_key>;
    ASSERT_TRUE(run<shared_key>([&] {
        return here_.keys.patch_key(patched.record->id, {.name = "cd"}, {}, administrator());
    }));
    ASSERT_TRUE(run<void>([&] { return here_.keys.revoke_key(revoked.record->id); }));
    rotate(here_, rotated);
    for (const auto& key : {patched, revoked, rotated}) {
        EXPECT_FALSE(stored_text().contains(bare_digest(key)));
    }
    EXPECT_TRUE(accepts(here_, patched));
    EXPECT_TRUE(accepts(here_, rotated));
    EXPECT_FALSE(accepts(here_, revoked));
}

TEST_F(digest_keys, upgrade_a_bounded_number_of_records_in_a_call) {
    for (std::size_t i = 0; i <= app::key_registry::upgrades_max; ++i) create(earlier_);
    load(here_);
    add_first(here_);
    clock_.advance(app::digest_keys::publish_delay);
    const auto keyed = [&] {
        return std::ranges::count_if(*here_.keys.keys(), [](const auto& entry) {
            return !entry.second.record->digest_key.empty();
        });
    };
    refresh(here_);
    EXPECT_EQ(keyed(), app::key_registry::upgrades_max);
    refresh(here_);
    EXPECT_EQ(keyed(), app::key_registry::upgrades_max + 1);
}

class rotated_digest_keys : public digest_keys {
  protected:
    // One used secret and one unused one have the first digest key. The second digest key is
    // settled.
    void SetUp() override {
        add_first(here_);
        used_ = create(here_);
        unused_ = create(here_);
        const auto added = run<std::string>([&] { return here_.digests.add(); });
        EXPECT_EQ(added.value(), "dk-000002");
        clock_.advance(app::digest_keys::publish_delay);
        refresh(here_);  // from now on, uses are noted
    }
    base::outcome<void> remove(const std::string& id) {
        return run<void>([&] { return here_.digests.remove(id); });
    }
    std::size_t revoke_digests(const std::string& digest_key) {
        return run<std::size_t>([&] { return here_.keys.revoke_digests(digest_key); }).value();
    }
    using counts = std::map<std::string, std::size_t>;

    app::created_key used_;
    app::created_key unused_;
};

TEST_F(rotated_digest_keys, move_a_digest_when_its_secret_is_used) {
    EXPECT_EQ(here_.keys.count_digests(), (counts{{"dk-000001", 2}}));
    EXPECT_TRUE(accepts(here_, used_));
    EXPECT_FALSE(accepts(here_, {.text = app::key_registry::new_key_text()}));
    refresh(here_);
    EXPECT_EQ(here_.keys.count_digests(), (counts{{"dk-000001", 1}, {"dk-000002", 1}}));
    EXPECT_TRUE(accepts(here_, used_));
    EXPECT_TRUE(log_.lines().back().contains("remaining=1")) << log_.lines().back();
    load(other_);
    EXPECT_TRUE(accepts(other_, used_));
    EXPECT_TRUE(accepts(other_, unused_));
    refresh(here_);  // nothing is left to do
    const auto entry = here_.keys.keys()->find(used_.record->id);
    EXPECT_EQ(entry->second.record->revision, 2);
}

TEST_F(rotated_digest_keys, move_the_previous_secret_of_a_rotated_key) {
    const auto rotated = rotate(here_, used_);
    EXPECT_EQ(here_.keys.count_digests(), (counts{{"dk-000001", 2}, {"dk-000002", 1}}));
    EXPECT_TRUE(accepts(here_, used_));
    refresh(here_);
    EXPECT_EQ(here_.keys.count_digests(), (counts{{"dk-000001", 1}, {"dk-000002", 2}}));
    EXPECT_TRUE(accepts(here_, used_));
    EXPECT_TRUE(accepts(here_, rotated));
}

TEST_F(rotated_digest_keys, keep_a_digest_that_another_process_has_replaced) {
    load(other_);
    EXPECT_TRUE(accepts(here_, used_));
    const auto rotated = run<app::created_key>([&] {
        return other_.keys.rotate_key(used_.record->id, {.overlap_seconds = 0}, administrator());
    });
    refresh(here_);
    EXPECT_TRUE(accepts(here_, *rotated));
    EXPECT_FALSE(accepts(here_, used_));
}

TEST_F(rotated_digest_keys, are_noted_again_after_a_failure_of_the_store) {
    EXPECT_TRUE(accepts(here_, used_));
    store_.fail_next(2);
    EXPECT_EQ(run<void>([&] { return here_.keys.upgrade_digests(); }).error().code,
              base::errc::unavailable);
    EXPECT_TRUE(accepts(here_, used_));
    refresh(here_);
    EXPECT_EQ(here_.keys.count_digests().at("dk-000002"), 1U);
}

TEST_F(rotated_digest_keys, are_removed_after_their_successor_is_settled) {
    EXPECT_EQ(remove("dk-000003").error().code, base::errc::not_found);
    EXPECT_EQ(remove("dk-000002").error().code, base::errc::conflict);
    ASSERT_TRUE(run<std::string>([&] { return here_.digests.add(); }));
    EXPECT_EQ(remove("dk-000002").error().code, base::errc::conflict);  // a replica may use it
    clock_.advance(app::digest_keys::publish_delay);
    EXPECT_TRUE(remove("dk-000002"));
    EXPECT_EQ(here_.digests.records().size(), 2U);
    store_.fail_next(2);
    EXPECT_EQ(remove("dk-000001").error().code, base::errc::unavailable);
}

TEST_F(rotated_digest_keys, end_the_keys_that_were_not_used) {
    const auto rotated = rotate(here_, used_);  // its previous secret has the first digest key
    EXPECT_EQ(revoke_digests("dk-000001"), 1U);
    EXPECT_FALSE(accepts(here_, used_));
    EXPECT_FALSE(accepts(here_, unused_));
    EXPECT_TRUE(accepts(here_, rotated));
    EXPECT_EQ(here_.keys.count_digests(), (counts{{"dk-000002", 1}}));
    EXPECT_EQ(revoke_digests("dk-000001"), 0U);
    EXPECT_TRUE(remove("dk-000001"));
    EXPECT_TRUE(accepts(here_, rotated));
    store_.fail_next(2);
    EXPECT_EQ(run<std::size_t>([&] { return here_.keys.revoke_digests("dk-000002"); }).error().code,
              base::errc::unavailable);
}

TEST_F(rotated_digest_keys, do_not_count_secrets_that_are_not_valid) {
    ASSERT_TRUE(run<void>([&] { return here_.keys.revoke_key(unused_.record->id); }));
    rotate(here_, used_);
    clock_.advance(domain::rotation_overlap_default);
    EXPECT_EQ(here_.keys.count_digests(), (counts{{"dk-000002", 1}}));
    clock_.advance(domain::api_key_lifetime_default);
    EXPECT_EQ(here_.keys.count_digests(), counts());
}

TEST_F(rotated_digest_keys, are_bounded_and_need_the_platform_key) {
    process without(*this, nullptr);
    EXPECT_EQ(run<std::string>([&] { return without.digests.add(); }).error().code,
              base::errc::unsupported);
    while (here_.digests.records().size() < app::digest_keys::keys_max) {
        ASSERT_TRUE(run<std::string>([&] { return here_.digests.add(); }));
    }
    EXPECT_EQ(run<std::string>([&] { return here_.digests.add(); }).error().code,
              base::errc::limit);
}

TEST_F(rotated_digest_keys, have_another_id_in_each_process) {
    load(other_);
    ASSERT_TRUE(run<std::string>([&] { return here_.digests.add(); }));
    EXPECT_EQ(run<std::string>([&] { return other_.digests.add(); }).error().code,
              base::errc::conflict);
    EXPECT_EQ(run<std::string>([&] { return other_.digests.add(); }).value(), "dk-000004");
}

TEST_F(digest_keys, are_required_if_bare_digests_are_rejected) {
    const auto bare = create(earlier_);
    const auto other_bare = create(earlier_);
    load(here_);
    add_first(here_);
    const auto keyed = create(here_);
    const auto rotated = rotate(here_, other_bare);
    here_.keys.reject_bare_digests();
    EXPECT_FALSE(accepts(here_, bare));
    EXPECT_FALSE(accepts(here_, other_bare));
    EXPECT_TRUE(accepts(here_, keyed));
    EXPECT_TRUE(accepts(here_, rotated));
    clock_.advance(app::digest_keys::publish_delay);
    refresh(here_);
    EXPECT_TRUE(
        stored_text().contains(bare_digest(bare)));  // a writer of the store may have made it
    EXPECT_FALSE(accepts(here_, bare));
    EXPECT_EQ(run<std::size_t>([&] { return here_.keys.revoke_digests(""); }).value(), 1U);
    EXPECT_EQ(here_.keys.count_digests().count(""), 0U);
    EXPECT_TRUE(accepts(here_, rotated));
}

TEST_F(digest_keys, of_an_admin_key_move_when_its_file_is_read) {
    const auto text = app::key_registry::new_key_text();
    const auto admit = [&](process& target) {
        return run<void>([&] { return target.keys.admit_admin_key(text); });
    };
    ASSERT_TRUE(admit(earlier_));
    load(here_);
    here_.keys.reject_bare_digests();
    add_first(here_);
    EXPECT_FALSE(accepts(here_, {.text = text}));
    store_.fail_next(2);
    EXPECT_TRUE(admit(here_));
    EXPECT_FALSE(accepts(here_, {.text = text}));
    EXPECT_TRUE(admit(here_));
    EXPECT_TRUE(accepts(here_, {.text = text}));
    ASSERT_TRUE(run<std::string>([&] { return here_.digests.add(); }));
    clock_.advance(app::digest_keys::publish_delay);
    EXPECT_TRUE(admit(here_));
    EXPECT_EQ(here_.keys.count_digests(), (std::map<std::string, std::size_t>{{"dk-000002", 1}}));
}

TEST_F(digest_keys, of_a_revoked_admin_key_may_be_removed) {
    const auto text = app::key_registry::new_key_text();
    add_first(here_);
    ASSERT_TRUE(run<void>([&] { return here_.keys.admit_admin_key(text); }));
    const auto id = here_.keys.keys()->begin()->first;
    ASSERT_TRUE(run<void>([&] { return here_.keys.revoke_key(id); }));
    ASSERT_TRUE(run<std::string>([&] { return here_.digests.add(); }));
    clock_.advance(app::digest_keys::publish_delay);
    ASSERT_TRUE(run<void>([&] { return here_.digests.remove("dk-000001"); }));
    EXPECT_TRUE(run<void>([&] { return here_.keys.admit_admin_key(text); }));
    EXPECT_FALSE(accepts(here_, {.text = text}));
    EXPECT_TRUE(log_.lines().back().contains("admin_key_not_active")) << log_.lines().back();
}

TEST_F(digest_keys, are_one_key_if_two_processes_add_it) {
    add_first(here_);
    add_first(other_);
    const auto key = create(other_);
    ASSERT_TRUE(run<void>([&] { return here_.keys.refresh(); }));
    EXPECT_TRUE(accepts(here_, key));
    EXPECT_EQ(here_.digests.newest()->sealed, other_.digests.newest()->sealed);
}

TEST_F(digest_keys, survive_a_lost_response_and_report_a_store_that_is_unavailable) {
    store_.fail_next(2);
    EXPECT_EQ(run<void>([&] { return here_.digests.add_first(); }).error().code,
              base::errc::unavailable);
    store_.lose_next_response();
    add_first(here_);
    EXPECT_NE(here_.digests.newest(), nullptr);
    create(earlier_);
    load(here_);
    clock_.advance(app::digest_keys::publish_delay);
    store_.fail_next(2);
    EXPECT_EQ(run<void>([&] { return here_.keys.upgrade_digests(); }).error().code,
              base::errc::unavailable);
    refresh(here_);
    EXPECT_FALSE(here_.keys.keys()->begin()->second.record->digest_key.empty());
}

TEST_F(digest_keys, accept_a_key_as_soon_as_its_digest_key_arrives) {
    add_first(here_);
    const auto key = create(here_);
    ASSERT_TRUE(run<void>([&] { return other_.keys.refresh(); }));
    EXPECT_FALSE(accepts(other_, key));
    ASSERT_TRUE(run<void>([&] { return other_.digests.load(); }));
    EXPECT_TRUE(accepts(other_, key));
}

TEST_F(digest_keys, are_sealed_and_need_the_platform_key) {
    add_first(here_);
    const auto key = create(here_);
    process without(*this, nullptr);
    const auto unsealed = run<void>([&] { return without.digests.load(); });
    EXPECT_EQ(unsealed.error().code, base::errc::corrupt);
    EXPECT_TRUE(unsealed.error().text.contains("set PLATFORM_KEY")) << unsealed.error().text;
    process another(*this, sealer_of('b'));
    const auto wrong = run<void>([&] { return another.digests.load(); });
    EXPECT_EQ(wrong.error().code, base::errc::corrupt);
    EXPECT_TRUE(wrong.error().text.contains("digest key dk-000001")) << wrong.error().text;
    process rotated(*this, std::make_shared<const token::sealer>(
                               token::parse_platform_key(std::string(64, 'b')).value(),
                               token::parse_platform_key(std::string(64, 'a')).value()));
    load(rotated);
    refresh(rotated);
    load(another);
    EXPECT_TRUE(accepts(another, key));
}

TEST_F(digest_keys, do_not_exist_without_a_platform_key) {
    process without(*this, nullptr);
    add_first(without);
    refresh(without);
    clock_.advance(24h);
    refresh(without);
    EXPECT_EQ(stored_text("digest_keys"), "");
    const auto key = create(without);
    EXPECT_TRUE(accepts(without, key));
}

TEST_F(digest_keys, reject_documents_that_cannot_be_read) {
    for (const auto* body : {"x", "{}", R"({"v":2,"created_at":"2027-01-01T00:00:00Z"})",
                             R"({"v":1,"created_at":1,"sealed":""})"}) {
        ASSERT_TRUE(run<void>(
            [&] { return store_.remove({.collection = "digest_keys", .id = "dk-000001"}); }));
        ASSERT_TRUE(run<ports::revision>([&] {
            return store_.put(
                {.collection = "digest_keys", .content = {.id = "dk-000001", .body = body}});
        }));
        process restarted(*this);
        EXPECT_EQ(run<void>([&] { return restarted.digests.load(); }).error().code,
                  base::errc::corrupt)
            << body;
    }
}

TEST(reads_keyed_digests, is_part_of_the_name_of_a_replica) {
    EXPECT_TRUE(app::reads_keyed_digests(app::replica_name("pod-1")));
    EXPECT_NE(app::replica_name("pod-1"), app::replica_name("pod-1"));
    EXPECT_FALSE(app::reads_keyed_digests("pod-1-abc234"));
    EXPECT_FALSE(app::reads_keyed_digests(""));
}

}  // namespace
