#include "app/identity/key_uses.hpp"

#include <gtest/gtest.h>

#include "app/identity/key_authenticator.hpp"
#include "app/identity/key_registry.hpp"
#include "base/time_text.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/memory_document_store.hpp"
#include "test/support/poll_until_done.hpp"
#include "test/support/recording_log.hpp"

namespace {

using namespace std::chrono_literals;

class key_uses : public testing::Test {
  protected:
    struct process {
        explicit process(key_uses& test)
            : members({.store = test.store_,
                       .projects = test.cache_,
                       .clock = test.clock_,
                       .log = test.log_}),
              keys({.store = test.store_,
                    .members = members,
                    .clock = test.clock_,
                    .log = test.log_}) {}
        app::member_registry members;
        app::key_registry keys;
    };

    void SetUp() override {
        key_ = create({});
        ASSERT_TRUE(run<void>([&] { return other_.keys.load(); }));
    }
    template <class T>
    base::outcome<T> run(std::function<aio::task<T>()> start) {
        return fakes::poll_until_done<T>(loop_, std::move(start));
    }
    app::created_key create(domain::api_key_request wanted) {
        const auto client = std::make_shared<const domain::principal>(
            domain::principal{.subject = "admin", .is_administrator = true});
        wanted.name = "ci";
        auto created = run<app::created_key>([&] { return here_.keys.create_key(wanted, client); });
        EXPECT_TRUE(created) << created.error().text;
        return std::move(*created);
    }
    bool use(process& target, const app::created_key& key, std::string_view address = "10.0.0.1") {
        const app::key_authenticator authenticator(target.keys, clock_);
        const auto header = "Bearer " + key.text.reveal();
        return authenticator.authenticate({.authorization = header, .address = address})
            .has_value();
    }
    void flush(process& target, bool writes_all = false) {
        const auto flushed = run<void>([&] { return target.keys.uses().flush(writes_all); });
        EXPECT_TRUE(flushed) << flushed.error().text;
    }
    void refresh(process& target) {
        EXPECT_TRUE(run<void>([&] { return target.keys.uses().refresh(); }));
    }
    // Returns "SECONDS ADDRESS" of the last use, counted from the start of the test; "" without.
    std::string last_use(const process& target, const app::created_key& key) const {
        const auto last = target.keys.keys()->at(key.record->id).use->last();
        if (!last) return "";
        const auto age = std::chrono::duration_cast<std::chrono::seconds>(last->used_at - begin_);
        return std::to_string(age.count()) + " " + last->address;
    }
    ports::revision stored_revision(const app::created_key& key) {
        const auto document =
            run<ports::document>([&] { return store_.get("api_key_uses", key.record->id); });
        return document ? document->revision : 0;
    }

    aio::loop loop_;
    fakes::manual_clock clock_;
    fakes::memory_document_store store_;
    fakes::recording_log log_;
    app::state_cache cache_{clock_, 10s};
    process here_{*this};
    process other_{*this};
    app::created_key key_;
    base::instant begin_ = clock_.utc_now();
};

TEST_F(key_uses, are_noted_without_a_call_of_the_store) {
    EXPECT_EQ(last_use(here_, key_), "");
    const auto calls = store_.calls();
    EXPECT_TRUE(use(here_, key_));
    EXPECT_EQ(last_use(here_, key_), "0 10.0.0.1");
    clock_.advance(59s);
    EXPECT_TRUE(use(here_, key_, "10.0.0.2"));
    EXPECT_EQ(last_use(here_, key_), "0 10.0.0.1");
    clock_.advance(1s);
    EXPECT_TRUE(use(here_, key_, "10.0.0.2"));
    EXPECT_EQ(last_use(here_, key_), "60 10.0.0.2");
    EXPECT_EQ(store_.calls(), calls);
}

TEST_F(key_uses, are_accepted_requests_alone) {
    const auto limited = create({.cidrs = std::vector<std::string>{"10.0.0.0/8"},
                                 .expires_at = base::to_rfc3339(clock_.utc_now() + 1h)});
    EXPECT_FALSE(use(here_, limited, "192.0.2.1"));
    clock_.advance(1h);
    EXPECT_FALSE(use(here_, limited));
    EXPECT_EQ(last_use(here_, limited), "");
}

TEST_F(key_uses, are_written_once_in_five_minutes) {
    use(here_, key_);
    flush(here_);
    EXPECT_EQ(stored_revision(key_), 1);
    const auto calls = store_.calls();
    for (int minute = 1; minute < 5; ++minute) {
        clock_.advance(1min);
        use(here_, key_);
        flush(here_);
    }
    EXPECT_EQ(store_.calls(), calls);
    clock_.advance(1min);
    use(here_, key_);
    flush(here_);
    EXPECT_EQ(stored_revision(key_), 2);
}

TEST_F(key_uses, of_the_last_five_minutes_are_written_at_the_end) {
    use(here_, key_);
    flush(here_);
    clock_.advance(1min);
    use(here_, key_);
    flush(here_, true);
    EXPECT_EQ(stored_revision(key_), 2);
    flush(here_, true);
    EXPECT_EQ(stored_revision(key_), 2);
}

TEST_F(key_uses, reach_the_other_processes_and_survive_a_restart) {
    use(here_, key_);
    flush(here_);
    refresh(other_);
    EXPECT_EQ(last_use(other_, key_), "0 10.0.0.1");
    clock_.advance(5min);
    use(other_, key_, "10.0.0.2");
    use(here_, key_);
    flush(other_);
    flush(here_);  // the other process has written
    EXPECT_EQ(stored_revision(key_), 2);
    process restarted(*this);
    ASSERT_TRUE(run<void>([&] { return restarted.keys.load(); }));
    EXPECT_EQ(last_use(restarted, key_), "300 10.0.0.2");
    EXPECT_EQ(last_use(here_, key_), "300 10.0.0.1");
}

TEST_F(key_uses, are_not_replaced_by_older_ones) {
    use(here_, key_);
    flush(here_);
    clock_.advance(2min);
    use(other_, key_, "10.0.0.2");
    refresh(other_);
    EXPECT_EQ(last_use(other_, key_), "120 10.0.0.2");
}

TEST_F(key_uses, are_written_after_the_store_returns) {
    use(here_, key_);
    store_.fail_next(2);
    const auto flushed = run<void>([&] { return here_.keys.uses().flush(false); });
    EXPECT_EQ(flushed.error().code, base::errc::unavailable);
    flush(here_);
    EXPECT_EQ(stored_revision(key_), 1);
}

TEST_F(key_uses, stay_the_same_over_a_change_of_the_key) {
    use(here_, key_);
    ASSERT_TRUE(run<void>([&] { return here_.keys.revoke_key(key_.record->id); }));
    EXPECT_EQ(last_use(here_, key_), "0 10.0.0.1");
}

TEST_F(key_uses, are_deleted_with_their_key) {
    use(here_, key_);
    flush(here_);
    ASSERT_TRUE(run<void>([&] { return here_.keys.revoke_key(key_.record->id); }));
    clock_.advance(app::key_registry::retention + 1s);
    ASSERT_TRUE(run<void>([&]() -> aio::task<void> {
        return here_.keys.purge(clock_.utc_now() - app::key_registry::retention);
    }));
    EXPECT_EQ(stored_revision(key_), 0);
    flush(here_, true);
    EXPECT_EQ(stored_revision(key_), 0);
}

class max_unused_days : public key_uses {
  protected:
    // Both processes compare the uses with the store.
    void exchange() {
        for (auto* target : {&here_, &other_}) flush(*target);
        for (auto* target : {&here_, &other_}) {
            refresh(*target);
            target->keys.set_uses_known_until(clock_.utc_now());
        }
    }
    app::created_key create_weekly() {
        auto key = create({.max_unused_days = 7});
        EXPECT_TRUE(run<void>([&] { return other_.keys.refresh(); }));
        return key;
    }
    std::string failure_of(process& target, const app::created_key& key) {
        const app::key_authenticator authenticator(target.keys, clock_);
        const auto header = "Bearer " + key.text.reveal();
        const auto caller = authenticator.authenticate({.authorization = header});
        return caller ? "" : caller.error().reason + ": " + caller.error().text;
    }
    static constexpr auto week = std::chrono::days(7);
    static constexpr auto delay = app::key_commands::use_delay_max;
    static constexpr const char* expired_text =
        "key_expired: the API key has expired: it was not used for 7 days, its max_unused_days";
};

TEST_F(max_unused_days, end_a_key_without_uses) {
    const auto key = create_weekly();
    clock_.advance(week + delay);
    exchange();
    EXPECT_EQ(failure_of(here_, key), expired_text);
    EXPECT_EQ(failure_of(other_, key), expired_text);
    EXPECT_EQ(failure_of(here_, key_), "");  // has no limit
    const auto rotated = run<app::created_key>([&] {
        return here_.keys.rotate_key(key.record->id, {},
                                     std::make_shared<const domain::principal>(domain::principal{
                                         .subject = "admin", .is_administrator = true}));
    });
    EXPECT_EQ(rotated.error().reason, "key_expired");
}

TEST_F(max_unused_days, count_from_the_last_use_in_any_process) {
    const auto key = create_weekly();
    clock_.advance(week - 1s);
    EXPECT_TRUE(use(other_, key));
    clock_.advance(delay);
    exchange();
    EXPECT_EQ(failure_of(here_, key), "");
    clock_.advance(week - delay - 1s);
    EXPECT_EQ(failure_of(other_, key), "");
}

// The other process may have accepted the key a moment before the deadline.
TEST_F(max_unused_days, are_not_decided_before_the_uses_of_other_processes_are_known) {
    const auto key = create_weekly();
    clock_.advance(week - 1s);
    EXPECT_TRUE(use(other_, key));
    clock_.advance(2s);
    EXPECT_EQ(failure_of(here_, key), "");
    clock_.advance(delay);
    EXPECT_EQ(failure_of(here_, key), "");  // the last comparison is older
    here_.keys.set_uses_known_until(clock_.utc_now());
    EXPECT_EQ(failure_of(here_, key), expired_text);  // the other process could not write
    exchange();
    EXPECT_EQ(failure_of(here_, key), "");
}

// Otherwise a use that one process accepts after the deadline could come too late for another one.
TEST_F(max_unused_days, are_not_prolonged_by_uses_after_the_deadline) {
    const auto key = create_weekly();
    clock_.advance(week + 1s);
    EXPECT_TRUE(use(here_, key));
    EXPECT_EQ(last_use(here_, key), "");
    clock_.advance(delay);
    exchange();
    EXPECT_EQ(failure_of(here_, key), expired_text);
}

TEST_F(max_unused_days, count_from_a_change_of_the_limit) {
    const auto key = create_weekly();
    clock_.advance(week + delay);
    exchange();
    EXPECT_EQ(failure_of(here_, key), expired_text);
    using shared_key = std::shared_ptr<const domain::api_key>;
    ASSERT_TRUE(run<shared_key>([&] {
        return here_.keys.patch_key(key.record->id, {.max_unused_days = 7}, {},
                                    std::make_shared<const domain::principal>(domain::principal{
                                        .subject = "admin", .is_administrator = true}));
    }));
    EXPECT_EQ(failure_of(here_, key), "");
}

TEST_F(key_uses, that_cannot_be_read_are_no_uses) {
    for (const auto* body :
         {"x", "{}", R"({"v":2,"at":"2027-01-01T00:00:00Z"})", R"({"v":1,"at":1,"address":1})"}) {
        ASSERT_TRUE(run<void>(
            [&] { return store_.remove({.collection = "api_key_uses", .id = key_.record->id}); }));
        ASSERT_TRUE(run<ports::revision>([&] {
            return store_.put(
                {.collection = "api_key_uses", .content = {.id = key_.record->id, .body = body}});
        }));
        process restarted(*this);
        ASSERT_TRUE(run<void>([&] { return restarted.keys.load(); })) << body;
        EXPECT_EQ(last_use(restarted, key_), "") << body;
        EXPECT_TRUE(use(restarted, key_));
        flush(restarted);
        EXPECT_EQ(stored_revision(key_), 2) << body;
    }
}

}  // namespace
