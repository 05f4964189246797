#include "redis/command_attempts.hpp"

#include <gtest/gtest.h>

namespace redis {
namespace {

using namespace std::chrono_literals;
using base::errc;

const endpoint source{"10.0.0.1", 7000};
resp_value error(std::string text) {
    return {.kind = resp_kind::error, .text = std::move(text)};
}

TEST(server_error, reads_moved_and_ask_with_their_target) {
    const auto target_of = [](std::string_view text) {
        return read_server_error(text, source).target;
    };
    EXPECT_EQ(target_of("MOVED 3999 127.0.0.1:6381"), (endpoint{"127.0.0.1", 6381}));
    EXPECT_EQ(target_of("ASK 1 ::1:6381"), (endpoint{"::1", 6381}));
    EXPECT_EQ(target_of("ASK 1 [::1]:6381"), (endpoint{"::1", 6381}));
    EXPECT_EQ(target_of("MOVED 1 node-3.example:6381"), (endpoint{"node-3.example", 6381}));
    EXPECT_EQ(target_of("MOVED 1 :6381"), (endpoint{"10.0.0.1", 6381}));
    for (const auto* text : {"MOVED", "MOVED 1", "MOVED 1 a", "MOVED 1 a:", "MOVED 1 a:0",
                             "MOVED 1 a:65536", "ASK 1 a:1x"}) {
        EXPECT_EQ(read_server_error(text, source).kind, error_kind::other) << text;
    }
}

TEST(server_error, leaves_out_the_arguments_that_the_server_repeats) {
    const std::string text =
        "ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'ann' 'hunter2' ";
    const auto failure = to_failure(text, read_server_error(text, source));
    EXPECT_EQ(failure.code, errc::unsupported);
    EXPECT_EQ(failure.text.find("hunter2"), std::string::npos);
}

TEST(command_attempts, follows_moved_at_once_and_refreshes_the_topology) {
    command_attempts attempts(repeatability::not_repeatable);
    const auto next = attempts.after_error(error("MOVED 1 10.0.0.2:7001"), source);
    ASSERT_TRUE(next);
    EXPECT_EQ(next->target, (endpoint{"10.0.0.2", 7001}));
    EXPECT_EQ(next->delay, 0ms);
    EXPECT_FALSE(next->is_asking);
    EXPECT_TRUE(next->refreshes_topology);
}

TEST(command_attempts, follows_ask_with_asking_and_keeps_the_topology) {
    command_attempts attempts(repeatability::not_repeatable);
    const auto next = attempts.after_error(error("ASK 1 10.0.0.2:7001"), source);
    ASSERT_TRUE(next);
    EXPECT_EQ(next->target, (endpoint{"10.0.0.2", 7001}));
    EXPECT_TRUE(next->is_asking);
    EXPECT_FALSE(next->refreshes_topology);
    // TRYAGAIN of the target repeats the attempt with ASKING.
    const auto again = attempts.after_error(error("TRYAGAIN x"), *next->target);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->target, next->target);
    EXPECT_TRUE(again->is_asking);
    EXPECT_GT(again->delay, 0ms);
}

TEST(command_attempts, waits_with_growing_delays_until_the_server_is_ready) {
    for (const auto* text : {"CLUSTERDOWN x", "LOADING x", "READONLY x", "MASTERDOWN x",
                             "NOREPLICAS x", "TRYAGAIN x"}) {
        command_attempts attempts(repeatability::not_repeatable);
        auto last = 0ms;
        int count = 0;
        while (const auto next = attempts.after_error(error(text), source)) {
            EXPECT_GE(next->delay, last) << text;
            EXPECT_LE(next->delay, command_attempts::delay_max);
            last = next->delay;
            ++count;
        }
        EXPECT_EQ(count, command_attempts::attempts_max - 1) << text;
        EXPECT_EQ(last, command_attempts::delay_max);
    }
}

TEST(command_attempts, slows_down_when_two_nodes_name_each_other) {
    command_attempts attempts(repeatability::repeatable);
    int count = 0;
    auto waited = 0ms;
    while (const auto next = attempts.after_error(error("MOVED 1 10.0.0.2:7001"), source)) {
        waited += next->delay;
        ++count;
    }
    EXPECT_EQ(count, command_attempts::attempts_max - 1);
    EXPECT_GT(waited, 5s);  // longer than the promotion of a replica takes
}

TEST(command_attempts, returns_other_errors_at_once) {
    const std::vector<std::pair<std::string, errc>> cases{
        {"NOPERM x", errc::denied},
        {"NOAUTH x", errc::denied},
        {"WRONGTYPE x", errc::corrupt},
        {"OOM x", errc::unavailable},
        {"ERR unknown command 'X'", errc::unsupported},
        {"ERR syntax error", errc::unavailable},
        {"", errc::unavailable}};
    for (const auto& [text, code] : cases) {
        command_attempts attempts(repeatability::repeatable);
        const auto next = attempts.after_error(error(text), source);
        ASSERT_FALSE(next) << text;
        EXPECT_EQ(next.error().code, code) << text;
    }
}

TEST(command_attempts, never_repeats_a_sent_command_that_must_not_run_twice) {
    command_attempts attempts(repeatability::not_repeatable);
    const base::failure lost{.code = errc::unavailable, .text = "lost"};
    EXPECT_TRUE(attempts.after_failure(lost, false));
    const auto next = attempts.after_failure(lost, true);
    ASSERT_FALSE(next);
    EXPECT_EQ(next.error().cause, failure_cause::unconfirmed_write);
}

TEST(command_attempts, repeats_a_repeatable_command_until_the_attempts_are_used) {
    command_attempts attempts(repeatability::repeatable);
    const base::failure lost{.code = errc::unavailable, .text = "lost"};
    int count = 0;
    while (const auto next = attempts.after_failure(lost, true)) {
        EXPECT_TRUE(next->refreshes_topology);
        EXPECT_FALSE(next->target);
        ++count;
    }
    EXPECT_EQ(count, command_attempts::attempts_max - 1);
}

TEST(command_attempts, does_not_repeat_after_denied_invalid_or_cancelled) {
    for (const auto code : {errc::denied, errc::invalid, errc::cancelled}) {
        command_attempts attempts(repeatability::repeatable);
        EXPECT_EQ(attempts.after_failure({.code = code}, false).error().code, code);
    }
}

}  // namespace
}  // namespace redis
