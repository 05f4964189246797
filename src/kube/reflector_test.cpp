#include "kube/reflector.hpp"

#include "kube/reflector_fixture.hpp"

namespace kube {
namespace {

// ---- list and watch ------------------------------------------------------------------

TEST_F(reflector_test, lists_in_pages_then_watches_from_there) {
    const auto first = next();
    EXPECT_EQ(first.kind, action_kind::list);
    EXPECT_EQ(first.resource_version, "");
    machine_.on_page(now_, page({object("a", "1", 1)}, 5, "more"));
    const auto second = next();
    EXPECT_EQ(second.kind, action_kind::list);
    EXPECT_EQ(second.continue_token, "more");
    EXPECT_EQ(second.resource_version, "");
    EXPECT_EQ(seen_.synced, 0);
    machine_.on_page(now_, page({object("b", "2", 2)}, 5));
    EXPECT_EQ(seen_.synced, 1);
    const auto third = next();
    EXPECT_EQ(third.kind, action_kind::watch);
    EXPECT_EQ(third.resource_version, "5");
    EXPECT_FALSE(third.initial_events);
    EXPECT_EQ(seen_.objects, (named{{"a", "1"}, {"b", "2"}}));
    EXPECT_EQ(machine_.counters().objects, 2U);
    EXPECT_EQ(machine_.counters().last_activity, now_);
}

TEST_F(reflector_test, an_empty_page_in_the_middle_is_not_the_end) {
    (void)next();
    machine_.on_page(now_, page({}, 5, "more"));
    EXPECT_EQ(next().continue_token, "more");
    EXPECT_EQ(seen_.synced, 0);
}

TEST_F(reflector_test, spreads_the_length_of_watches) {
    list({}, 5);
    std::map<seconds, int> lengths;
    for (int turn = 0; turn < 200; ++turn) {
        const auto action = next();
        ASSERT_EQ(action.kind, action_kind::watch);
        EXPECT_GE(action.timeout, seconds(300));
        EXPECT_LE(action.timeout, seconds(600));
        EXPECT_GT(action.silence_max, action.timeout);
        ++lengths[action.timeout];
        machine_.on_watch_opened(now_);
        now_ += action.timeout;
        machine_.on_watch_ended(now_);
    }
    EXPECT_GT(lengths.size(), 50U);
}

TEST_F(reflector_test, reads_frames_cut_at_every_byte) {
    const auto text = frame("ADDED", object("a", "1", 6)) + bookmark(7) +
                      frame("MODIFIED", object("a", "1", 8)) +
                      frame("DELETED", object("z", "9", 9));
    for (std::size_t offset = 0; offset <= text.size(); ++offset) {
        recording_listener seen;
        reflector machine({.seed = 1}, seen);
        (void)machine.next(now_);
        machine.on_page(now_, page({object("z", "9", 1)}, 5));
        (void)machine.next(now_);
        ASSERT_TRUE(machine.on_bytes(now_, text.substr(0, offset)));
        ASSERT_TRUE(machine.on_bytes(now_, text.substr(offset)));
        EXPECT_EQ(seen.objects, (named{{"a", "1"}}));
        machine.on_watch_ended(now_);
        EXPECT_EQ(machine.next(now_).resource_version, "9");
        EXPECT_EQ(machine.counters().events, 3U);
    }
}

TEST_F(reflector_test, takes_an_event_of_megabytes) {
    list({}, 5);
    watch();
    auto large = object("a", "1", 6);
    large.insert(1, "\"data\":\"" + std::string(5 * 1024 * 1024, 'x') + "\",");
    const auto text = frame("ADDED", large);
    for (std::size_t offset = 0; offset < text.size(); offset += 30'000) {
        ASSERT_TRUE(bytes(text.substr(offset, 30'000)));
    }
    EXPECT_EQ(seen_.objects, (named{{"a", "1"}}));
}

TEST_F(reflector_test, bookmarks_move_the_position_and_nothing_else) {
    list({object("a", "1", 1)}, 5);
    watch();
    seen_.log.clear();
    EXPECT_TRUE(bytes(bookmark(77)));
    EXPECT_TRUE(seen_.log.empty());
    cut();
    (void)wait();
    EXPECT_EQ(next().resource_version, "77");
    EXPECT_EQ(machine_.counters().lists, 1U);
}

TEST_F(reflector_test, a_clean_end_needs_no_list_and_no_wait) {
    list({}, 5);
    for (int turn = 0; turn < 100; ++turn) {
        watch();
        now_ += minutes(5);
        machine_.on_watch_ended(now_);
    }
    EXPECT_EQ(machine_.counters().lists, 1U);
    EXPECT_EQ(machine_.counters().watches, 100U);
}

TEST_F(reflector_test, a_namesake_is_another_object) {
    list({object("a", "1", 1)}, 5);
    watch();
    seen_.log.clear();
    EXPECT_TRUE(bytes(frame("MODIFIED", object("a", "2", 6))));
    EXPECT_EQ(seen_.log, (std::vector<std::string>{"-a", "+a"}));
}

TEST_F(reflector_test, ignores_deletions_of_unknown_objects) {
    list({}, 5);
    watch();
    seen_.log.clear();
    EXPECT_TRUE(bytes(frame("DELETED", object("a", "1", 6))));
    EXPECT_TRUE(seen_.log.empty());
}

// ---- the position is lost ------------------------------------------------------------

TEST_F(reflector_test, relists_after_gone_and_finds_what_is_missing_and_what_is_new) {
    list({object("a", "1", 1), object("b", "2", 2), object("c", "3", 3)}, 5);
    watch();
    EXPECT_FALSE(bytes(error(410, "Expired")));
    seen_.log.clear();
    const auto again = next();
    EXPECT_EQ(again.kind, action_kind::list);
    EXPECT_EQ(again.resource_version, "5");
    machine_.on_page(now_, page({object("b", "other", 7), object("c", "3", 3)}, 9));
    EXPECT_EQ(seen_.objects, (named{{"b", "other"}, {"c", "3"}}));
    EXPECT_EQ(seen_.log, (std::vector<std::string>{"-b", "+b", "-a"}));  // c is as it was
    EXPECT_EQ(seen_.synced, 1);
    EXPECT_EQ(next().resource_version, "9");
}

TEST_F(reflector_test, relists_when_the_watch_fails_with_gone) {
    list({}, 5);
    (void)next();
    machine_.on_watch_failed(now_, {.code = errc::gone, .text = "too old"});
    EXPECT_EQ(next().kind, action_kind::list);
}

TEST_F(reflector_test, begins_the_list_again_when_its_continuation_is_too_old) {
    (void)next();
    machine_.on_page(now_, page({object("a", "1", 1), object("b", "2", 2)}, 5, "more"));
    list_fails(errc::gone);
    const auto again = next();
    EXPECT_EQ(again.kind, action_kind::list);
    EXPECT_EQ(again.continue_token, "");
    EXPECT_TRUE(again.is_whole);  // its pages could be too old again
    machine_.on_page(now_, page({object("b", "2", 2)}, 9));
    EXPECT_EQ(seen_.objects, (named{{"b", "2"}}));
    EXPECT_EQ(seen_.synced, 1);
    machine_.on_history_lost(now_);
    EXPECT_FALSE(next().is_whole);
}

TEST_F(reflector_test, asks_for_the_newest_when_the_server_is_behind) {
    list({object("a", "1", 1)}, 5);
    watch();
    EXPECT_FALSE(bytes(error(410, "Gone")));
    list_fails(errc::timed_out, {{"", "ResourceVersionTooLarge", "Too large resource version"}});
    const auto again = next();
    EXPECT_EQ(again.kind, action_kind::list);
    EXPECT_EQ(again.resource_version, "");
    seen_.log.clear();
    // Another history: an equal version proves nothing.
    machine_.on_page(now_, page({object("a", "1", 1)}, 3));
    EXPECT_EQ(seen_.log, std::vector<std::string>{"+a"});
    EXPECT_EQ(next().resource_version, "3");
}

TEST_F(reflector_test, asks_for_the_newest_when_the_list_of_the_last_version_is_gone) {
    list({}, 5);
    watch();
    EXPECT_FALSE(bytes(error(410, "Gone")));
    list_fails(errc::gone);
    EXPECT_EQ(next().resource_version, "");
}

TEST_F(reflector_test, does_not_run_in_circles_when_every_watch_is_gone) {
    int lists = 0;
    int waits = 0;
    for (int turn = 0; turn < 40; ++turn) {
        const auto action = next();
        if (action.kind == action_kind::wait) {
            ++waits;
            now_ = action.until;
        } else if (action.kind == action_kind::list) {
            ++lists;
            machine_.on_page(now_, page({}, 5));
        } else {
            machine_.on_watch_opened(now_);
            EXPECT_FALSE(bytes(error(410, "Expired")));
        }
    }
    EXPECT_GE(waits, lists - 3);
}

// ---- failure -------------------------------------------------------------------------

TEST_F(reflector_test, backs_off_after_each_disconnect_and_resets_after_an_event) {
    list({}, 5);
    milliseconds last{0};
    for (int turn = 0; turn < 4; ++turn) {
        watch_again(5);
        cut();
        const auto waited = wait();
        EXPECT_GE(waited, std::max(last, milliseconds(800)));
        last = milliseconds(800 << turn);
    }
    for (int turn = 0; turn < 10; ++turn) {
        watch_again(5);
        cut();
        EXPECT_LE(wait(), seconds(8)) << "the end of an outage is noticed within 8 s";
    }
    watch();
    EXPECT_TRUE(bytes(bookmark(9)));
    cut();
    EXPECT_LE(wait(), milliseconds(1600));
    EXPECT_EQ(next().kind, action_kind::watch);
}

TEST_F(reflector_test, resets_the_backoff_after_two_minutes) {
    list({}, 5);
    for (int turn = 0; turn < 5; ++turn) {
        watch_again(5);
        cut();
        (void)wait();
    }
    watch();
    now_ += minutes(3);
    cut();
    EXPECT_LE(wait(), milliseconds(1600));
}

TEST_F(reflector_test, waits_as_long_as_the_server_asks_for) {
    ASSERT_EQ(next().kind, action_kind::list);
    machine_.on_list_failed(
        now_, {.code = errc::unavailable, .text = "busy", .retry_after = seconds(20)});
    EXPECT_EQ(wait(), seconds(20));
    ASSERT_EQ(next().kind, action_kind::list);
    machine_.on_list_failed(
        now_, {.code = errc::unavailable, .text = "busy", .retry_after = std::chrono::hours(9)});
    EXPECT_EQ(wait(), seconds(60));
}

TEST_F(reflector_test, another_error_frame_is_waited_out_and_watched_on) {
    list({}, 5);
    watch();
    EXPECT_FALSE(bytes(error(500, "InternalError")));
    EXPECT_GE(wait(), milliseconds(800));
    const auto again = next();
    EXPECT_EQ(again.kind, action_kind::watch);
    EXPECT_EQ(again.resource_version, "5");
}

TEST_F(reflector_test, relists_after_a_wait_if_an_event_is_corrupt) {
    for (const auto* garbage :
         {"garbage\n", "{\"type\":\"ADDED\"}\n", "{\"type\":\"ERROR\",\"object\":{\n"}) {
        list({}, 5);
        watch();
        EXPECT_FALSE(bytes(garbage)) << garbage;
        EXPECT_GE(wait(), milliseconds(800));
    }
    list({}, 5);
    watch();
    const std::string endless(1024 * 1024, 'x');
    bool goes_on = true;
    for (int turn = 0; turn < 20 && goes_on; ++turn) goes_on = bytes(endless);
    EXPECT_FALSE(goes_on);
    EXPECT_GE(wait(), milliseconds(800));
    EXPECT_EQ(next().kind, action_kind::list);
}

TEST_F(reflector_test, a_broken_page_is_asked_for_again_after_a_wait) {
    ASSERT_EQ(next().kind, action_kind::list);
    machine_.on_page(now_, "nonsense");
    EXPECT_GE(wait(), milliseconds(800));
    EXPECT_EQ(next().kind, action_kind::list);
    EXPECT_EQ(seen_.synced, 0);
}

TEST_F(reflector_test, a_watch_that_ends_at_once_is_a_fault) {
    list({}, 5);
    watch();
    machine_.on_watch_ended(now_);
    EXPECT_GE(wait(), milliseconds(800));
    EXPECT_EQ(next().kind, action_kind::watch);
}

TEST_F(reflector_test, an_end_in_the_middle_of_an_event_is_a_cut) {
    list({}, 5);
    watch();
    now_ += minutes(5);
    EXPECT_TRUE(bytes(frame("ADDED", object("a", "1", 6)).substr(0, 40)));
    machine_.on_watch_ended(now_);
    EXPECT_GE(wait(), milliseconds(800));
    watch();  // the half must not be glued to what comes now
    EXPECT_TRUE(bytes(frame("ADDED", object("a", "1", 6))));
    EXPECT_EQ(seen_.objects, (named{{"a", "1"}}));
}

TEST_F(reflector_test, says_when_the_link_goes_down_and_up_and_why) {
    list_fails(errc::unavailable);
    (void)wait();
    list_fails(errc::unavailable);
    (void)wait();
    list({}, 5);
    watch();
    cut();
    (void)wait();
    watch();
    EXPECT_EQ(seen_.log, (std::vector<std::string>{"down: no", "up", "down: cut"}));
    EXPECT_TRUE(bytes(bookmark(6)));
    EXPECT_EQ(seen_.log.back(), "up");
}

TEST_F(reflector_test, reports_a_quiet_watch_as_up_when_it_has_settled) {
    list({}, 5);
    watch();
    cut();
    (void)wait();
    watch();
    EXPECT_EQ(seen_.log.back(), "down: cut");
    machine_.on_watch_settled();
    EXPECT_EQ(seen_.log.back(), "up");
}

// ---- watch-list (KEP-3157) -----------------------------------------------------------

class reflector_watch_list_test : public reflector_test {
  protected:
    void restart() {
        by_watch_.emplace(informer_options{.prefer_watch_list = true, .seed = 1}, seen_);
    }
    std::optional<reflector> by_watch_;
};

TEST_F(reflector_watch_list_test, takes_all_objects_from_the_watch) {
    restart();
    const auto action = by_watch_->next(now_);
    EXPECT_EQ(action.kind, action_kind::watch);
    EXPECT_TRUE(action.initial_events);
    EXPECT_EQ(action.resource_version, "");
    by_watch_->on_watch_opened(now_);
    EXPECT_TRUE(by_watch_->on_bytes(
        now_, frame("ADDED", object("a", "1", 900)) + frame("ADDED", object("b", "2", 3))));
    EXPECT_EQ(seen_.synced, 0);
    EXPECT_TRUE(by_watch_->on_bytes(now_, end_of_initial(950)));
    EXPECT_EQ(seen_.synced, 1);
    EXPECT_TRUE(by_watch_->on_bytes(now_, frame("DELETED", object("a", "1", 960))));
    EXPECT_EQ(seen_.objects, (named{{"b", "2"}}));
    by_watch_->on_watch_ended(now_);
    const auto again = by_watch_->next(now_);
    EXPECT_FALSE(again.initial_events);
    EXPECT_EQ(again.resource_version, "960");
    EXPECT_EQ(by_watch_->counters().lists, 0U);
}

TEST_F(reflector_watch_list_test, begins_again_when_the_stream_ends_before_all_was_sent) {
    restart();
    (void)by_watch_->next(now_);
    by_watch_->on_watch_opened(now_);
    EXPECT_TRUE(by_watch_->on_bytes(now_, frame("ADDED", object("gone", "1", 900))));
    by_watch_->on_watch_ended(now_);
    EXPECT_EQ(by_watch_->next(now_).kind, action_kind::wait);
    now_ += seconds(2);
    const auto again = by_watch_->next(now_);
    EXPECT_TRUE(again.initial_events);
    EXPECT_EQ(again.resource_version, "");  // the order of names is no position
    EXPECT_TRUE(by_watch_->on_bytes(now_, end_of_initial(950)));
    EXPECT_TRUE(seen_.objects.empty());
    EXPECT_EQ(seen_.synced, 1);
}

TEST_F(reflector_watch_list_test, lists_for_good_when_the_server_cannot_do_it) {
    restart();
    (void)by_watch_->next(now_);
    by_watch_->on_watch_failed(now_, {.code = errc::invalid, .text = "422", .reason = "Invalid"});
    EXPECT_EQ(by_watch_->next(now_).kind, action_kind::list);
    by_watch_->on_page(now_, page({}, 5));
    EXPECT_FALSE(by_watch_->next(now_).initial_events);
    EXPECT_FALSE(by_watch_->on_bytes(now_, error(410, "Expired")));
    EXPECT_EQ(by_watch_->next(now_).kind, action_kind::list);
}

// An etcd that is too old: each try would end so, and nothing would ever be known.
TEST_F(reflector_watch_list_test, lists_once_when_the_server_fails_at_it) {
    restart();
    (void)by_watch_->next(now_);
    EXPECT_FALSE(by_watch_->on_bytes(now_, error(500, "InternalError")));
    now_ = by_watch_->next(now_).until;
    EXPECT_EQ(by_watch_->next(now_).kind, action_kind::list);
}

TEST_F(reflector_watch_list_test, finds_what_is_missing_after_gone) {
    restart();
    (void)by_watch_->next(now_);
    EXPECT_TRUE(by_watch_->on_bytes(now_, frame("ADDED", object("a", "1", 1)) +
                                              frame("ADDED", object("b", "2", 2)) +
                                              end_of_initial(5)));
    EXPECT_FALSE(by_watch_->on_bytes(now_, error(410, "Expired")));
    seen_.log.clear();
    const auto again = by_watch_->next(now_);
    EXPECT_TRUE(again.initial_events);
    EXPECT_EQ(again.resource_version, "5");
    EXPECT_TRUE(by_watch_->on_bytes(now_, frame("ADDED", object("b", "2", 2)) + end_of_initial(9)));
    EXPECT_EQ(seen_.log, std::vector<std::string>{"-a"});
}

}  // namespace
}  // namespace kube
