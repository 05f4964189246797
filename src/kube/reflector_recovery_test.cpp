// Failures that repeat, and histories that went back.

#include "kube/reflector_fixture.hpp"

namespace kube {
namespace {

// ---- a failure that repeats ----------------------------------------------------------

// A conversion webhook that fails at the next event, for example.
TEST_F(reflector_test, relists_after_three_failed_watches_without_progress) {
    list({}, 5);
    for (int turn = 0; turn < 3; ++turn) {
        watch();
        EXPECT_FALSE(bytes(error(500, "InternalError")));
        (void)wait();
    }
    const auto again = next();
    EXPECT_EQ(again.kind, action_kind::list);
    EXPECT_EQ(again.resource_version, "5");
    machine_.on_page(now_, page({object("a", "1", 7)}, 8));
    EXPECT_EQ(seen_.objects, (named{{"a", "1"}}));
    EXPECT_EQ(next().resource_version, "8");
}

TEST_F(reflector_test, relists_after_three_rejected_watches_with_a_growing_wait) {
    list({}, 5);
    milliseconds waited{0};
    for (int round = 0; round < 4; ++round) {
        for (int turn = 0; turn < 3; ++turn) {
            reject_watch(status_reason::forbidden);
            waited = wait();
        }
        const auto again = next();
        ASSERT_EQ(again.kind, action_kind::list);
        EXPECT_EQ(again.resource_version, round == 0 ? "5" : "");  // the last list did not help
        machine_.on_page(now_, page({}, 5));
    }
    EXPECT_GE(waited, seconds(4));
}

TEST_F(reflector_test, does_not_list_when_the_server_is_overloaded_or_away) {
    list({}, 5);
    for (int turn = 0; turn < 10; ++turn) {
        reject_watch(status_reason::too_many_requests);
        (void)wait();
        reject_watch(status_reason::service_unavailable);
        (void)wait();
        reject_watch(status_reason::unauthorized);
        (void)wait();
        ASSERT_EQ(next().kind, action_kind::watch);
        machine_.on_watch_failed(now_, {.code = errc::unavailable, .text = "connection refused"});
        (void)wait();
    }
    EXPECT_EQ(machine_.counters().lists, 1U);
}

TEST_F(reflector_test, stays_down_while_every_watch_fails_although_lists_succeed) {
    list({}, 5);
    for (int turn = 0; turn < 9; ++turn) {
        watch_again(5);
        EXPECT_FALSE(bytes(error(500, "InternalError")));
        (void)wait();
    }
    watch_again(5);
    machine_.on_watch_settled();  // the webhook needs its whole timeout
    EXPECT_EQ(seen_.log, (std::vector<std::string>{"up", "down: said so"}));
    EXPECT_TRUE(bytes(bookmark(6)));
    EXPECT_EQ(seen_.log.back(), "up");
}

TEST_F(reflector_test, counts_failed_watches_again_after_progress) {
    list({}, 5);
    for (int turn = 0; turn < 6; ++turn) {
        watch();
        EXPECT_FALSE(bytes(bookmark(6 + turn) + error(500, "InternalError")));
        (void)wait();
    }
    EXPECT_EQ(machine_.counters().lists, 1U);
}

// ---- versions that went back ---------------------------------------------------------

class reflector_history_test : public reflector_test {
  protected:
    void list_at_1000() { list({object("a", "1", 900), object("b", "2", 950)}, 1000); }
    // Expects a list of the newest objects, which takes every object as changed.
    void expect_new_history() {
        EXPECT_TRUE(seen_.log.back().starts_with("down: the API server has an older history"));
        const auto action = next();
        ASSERT_EQ(action.kind, action_kind::list);
        EXPECT_EQ(action.resource_version, "");
        seen_.log.clear();
        machine_.on_page(now_, page({object("a", "1", 900)}, 901));
        EXPECT_EQ(seen_.objects, (named{{"a", "1"}}));
        EXPECT_EQ(seen_.log, (std::vector<std::string>{"+a", "-b", "up"}));
        EXPECT_EQ(next().resource_version, "901");
    }
};

TEST_F(reflector_history_test, is_noticed_by_an_older_bookmark) {
    list_at_1000();
    watch();
    EXPECT_FALSE(bytes(bookmark(999)));
    expect_new_history();
}

TEST_F(reflector_history_test, is_noticed_by_an_older_object) {
    list_at_1000();
    watch();
    EXPECT_FALSE(bytes(frame("MODIFIED", object("a", "1", 950))));
    expect_new_history();
}

TEST_F(reflector_history_test, is_noticed_by_an_older_list) {
    list_at_1000();
    watch();
    EXPECT_FALSE(bytes(error(410, "Expired")));
    ASSERT_EQ(next().resource_version, "1000");
    machine_.on_page(now_, page({object("a", "1", 900)}, 901));
    expect_new_history();
}

TEST_F(reflector_history_test, is_noticed_by_the_check_of_the_position) {
    list_at_1000();
    watch();
    EXPECT_EQ(machine_.position(), "1000");
    machine_.on_history_lost(now_);
    EXPECT_EQ(machine_.position(), "");
    expect_new_history();
}

TEST_F(reflector_history_test, is_not_concluded_from_a_deletion_with_the_version_of_the_object) {
    list_at_1000();
    watch();
    EXPECT_TRUE(bytes(frame("DELETED", object("a", "1", 900))));
    EXPECT_EQ(seen_.objects, (named{{"b", "2"}}));
    machine_.on_watch_ended(now_ + minutes(5));
    EXPECT_EQ(next().resource_version, "1000");
}

TEST_F(reflector_history_test, is_not_concluded_from_versions_that_are_not_comparable) {
    list({}, 5);
    watch();
    EXPECT_TRUE(bytes(frame("BOOKMARK", R"({"metadata":{"resourceVersion":"b-7"}})")));
    EXPECT_TRUE(bytes(frame("BOOKMARK", R"({"metadata":{"resourceVersion":"a-7"}})")));
    EXPECT_EQ(machine_.position(), "a-7");
}

}  // namespace
}  // namespace kube
