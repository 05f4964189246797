#include "app/idempotency.hpp"

#include "test/support/service_stage.hpp"

namespace {

using domain::observed_phase;
using namespace std::chrono_literals;

class idempotency_keys : public fakes::service_stage {};

TEST_F(idempotency_keys, replays_rejects_and_frees_idempotency_keys) {
    const auto begin = [&](const std::string& payload) {
        return await<app::idempotency_ticket>(
            [&] { return keys().begin_idempotent("k", payload); });
    };
    using enum app::idempotency_verdict;
    EXPECT_EQ(begin("a")->verdict, first);
    EXPECT_EQ(begin("a")->verdict, in_progress);
    EXPECT_EQ(begin("b")->verdict, other_payload);
    ASSERT_TRUE(await<void>([&] {
        return keys().finish_idempotent("k",
                                        {.status = 202, .headers = {{"ETag", "1"}}, .body = "x"});
    }));
    const auto again = begin("a");
    EXPECT_EQ(again->verdict, replay);
    EXPECT_EQ(again->answer->body, "x");
    EXPECT_EQ(begin("b")->verdict, other_payload);
    clock_.advance(25h);
    EXPECT_EQ(begin("b")->verdict, first);
    ASSERT_TRUE(await<void>([&] { return keys().abandon_idempotent("k"); }));
    EXPECT_EQ(begin("c")->verdict, first);
}

// The process ends after the write and before it stores the response.
TEST_F(idempotency_keys, replays_a_repeated_write_from_its_record) {
    const auto begin = [&](const std::string& key, const std::string& payload) {
        return await<app::idempotency_ticket>(
            [&] { return keys().begin_idempotent(key, payload); });
    };
    const auto use_key = [&](const std::string& key) {
        caller_.idempotency_key = key;
        caller_.request_digest = "digest of " + key;
        EXPECT_EQ(begin(key, caller_.request_digest)->verdict, app::idempotency_verdict::first);
    };
    const auto restart = [&] {
        stop();
        start();
    };
    const auto expect_replay = [&](const std::string& key, domain::operation_kind kind) {
        const auto again = begin(key, "digest of " + key);
        ASSERT_TRUE(again) << again.error().text;
        ASSERT_EQ(again->verdict, app::idempotency_verdict::replay);
        EXPECT_EQ(again->done->operation->kind, kind);
        EXPECT_EQ(again->done->database->record->name, "cache");
        EXPECT_EQ(begin(key, "another")->verdict, app::idempotency_verdict::other_payload);
    };
    use_key("k-create");
    ASSERT_TRUE(create("cache"));
    restart();
    expect_replay("k-create", domain::operation_kind::create);
    cluster_.report("cache", observed_phase::ready);
    settle();
    use_key("k-update");
    ASSERT_TRUE(patch("cache", {.size = domain::size_request{.preset = "large"}}));
    restart();
    expect_replay("k-update", domain::operation_kind::update);
    cluster_.finish_change("cache", domain::change_phase::successful);
    settle();
    use_key("k-pause");
    ASSERT_TRUE(patch("cache", {.paused = true}));
    restart();
    expect_replay("k-pause", domain::operation_kind::pause);
    clock_.advance(25h);
    EXPECT_EQ(begin("k-create", "digest of k-create")->verdict, app::idempotency_verdict::first);
    cluster_.block_deletion("cache");
    use_key("k-remove");
    ASSERT_TRUE(remove("cache"));
    restart();
    expect_replay("k-remove", domain::operation_kind::delete_database);
}

TEST_F(idempotency_keys, replays_a_repeated_write_whose_response_the_store_lost) {
    caller_.idempotency_key = "k";
    caller_.request_digest = "d";
    const auto begin = [&] {
        return await<app::idempotency_ticket>([&] { return keys().begin_idempotent("k", "d"); });
    };
    EXPECT_EQ(begin()->verdict, app::idempotency_verdict::first);
    store_.lose_next_response();
    EXPECT_EQ(create("cache").error().code, base::errc::timed_out);
    ASSERT_TRUE(await<void>([&] { return keys().abandon_idempotent("k"); }));
    store_.fail_next(2);
    EXPECT_EQ(begin().error().code, base::errc::unavailable);
    store_.fail_next(0);
    const auto again = begin();
    ASSERT_TRUE(again) << again.error().text;
    ASSERT_EQ(again->verdict, app::idempotency_verdict::replay);
    EXPECT_EQ(again->done->database->record->name, "cache");

    cluster_.report("cache", observed_phase::ready);
    settle();
    caller_.idempotency_key = "k2";
    store_.lose_next_response();
    EXPECT_FALSE(patch("cache", {.size = domain::size_request{.preset = "large"}}));
    const auto changed =
        await<app::idempotency_ticket>([&] { return keys().begin_idempotent("k2", "d"); });
    ASSERT_TRUE(changed) << changed.error().text;
    ASSERT_EQ(changed->verdict, app::idempotency_verdict::replay);
    EXPECT_EQ(changed->done->operation->kind, domain::operation_kind::update);
}

}  // namespace
