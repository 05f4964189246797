#include "domain/schedule.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "base/time_text.hpp"

namespace domain {
namespace {

using namespace std::chrono_literals;

constexpr std::uint8_t monday_to_friday = 0b0011111;
constexpr std::uint8_t weekend = 0b1100000;
constexpr std::uint8_t every_day = 0b1111111;

instant at(std::string_view text) {
    return base::from_rfc3339(text).value();
}
std::string text_of(const schedule_edge& edge) {
    return std::string(name(edge.action)) + " " + base::to_rfc3339_micro(edge.time);
}

const schedule nights{.off = {{.days = monday_to_friday, .begin = 20 * 60, .end = 6 * 60}}};

TEST(schedule, has_the_edges_around_a_time) {
    const schedule berlin{.utc_offset_minutes = 60, .off = nights.off};
    const schedule midday{.off = {{.days = every_day, .begin = 12 * 60, .end = 13 * 60}}};
    const schedule from_midnight{.off = {{.days = 1, .begin = 0, .end = 60}}};
    const schedule to_midnight{.off = {{.days = every_day, .begin = 23 * 60, .end = 0}}};
    const schedule whole_monday{.off = {{.days = 1, .begin = 8 * 60, .end = 8 * 60}}};
    const schedule over_sunday{.off = {{.days = 1U << 6U, .begin = 22 * 60, .end = 7 * 60}}};
    const schedule nights_and_weekend{
        .off = {nights.off[0], {.days = weekend, .begin = 0, .end = 0}}};
    const schedule kiritimati{.utc_offset_minutes = 14 * 60, .off = midday.off};
    const schedule baker{.utc_offset_minutes = -12 * 60, .off = midday.off};
    struct row {
        const schedule& plan;
        const char* time;
        const char* latest;
        const char* next;
    };
    // 2025-11-24 is a Monday.
    const row rows[] = {
        {nights, "2025-11-24T14:30:00Z", "resume 2025-11-22T06:00:00.000000Z",
         "pause 2025-11-24T20:00:00.000000Z"},
        {nights, "2025-11-24T19:59:59.999999Z", "resume 2025-11-22T06:00:00.000000Z",
         "pause 2025-11-24T20:00:00.000000Z"},
        {nights, "2025-11-24T20:00:00Z", "pause 2025-11-24T20:00:00.000000Z",
         "resume 2025-11-25T06:00:00.000000Z"},
        {nights, "2025-11-29T05:59:59Z", "pause 2025-11-28T20:00:00.000000Z",
         "resume 2025-11-29T06:00:00.000000Z"},
        {berlin, "2025-11-24T19:00:00Z", "pause 2025-11-24T19:00:00.000000Z",
         "resume 2025-11-25T05:00:00.000000Z"},
        // No daylight saving time: the same offset in July.
        {berlin, "2025-07-01T18:30:00Z", "resume 2025-07-01T05:00:00.000000Z",
         "pause 2025-07-01T19:00:00.000000Z"},
        {midday, "2025-11-24T12:30:00Z", "pause 2025-11-24T12:00:00.000000Z",
         "resume 2025-11-24T13:00:00.000000Z"},
        {from_midnight, "2025-11-24T00:00:00Z", "pause 2025-11-24T00:00:00.000000Z",
         "resume 2025-11-24T01:00:00.000000Z"},
        {from_midnight, "2025-11-23T23:59:59.999999Z", "resume 2025-11-17T01:00:00.000000Z",
         "pause 2025-11-24T00:00:00.000000Z"},
        {to_midnight, "2025-11-23T23:30:00Z", "pause 2025-11-23T23:00:00.000000Z",
         "resume 2025-11-24T00:00:00.000000Z"},
        {whole_monday, "2025-11-25T07:00:00Z", "pause 2025-11-24T08:00:00.000000Z",
         "resume 2025-11-25T08:00:00.000000Z"},
        {over_sunday, "2025-11-24T00:00:00Z", "pause 2025-11-23T22:00:00.000000Z",
         "resume 2025-11-24T07:00:00.000000Z"},
        // The night of Friday, Saturday and Sunday are one window.
        {nights_and_weekend, "2025-11-29T12:00:00Z", "pause 2025-11-28T20:00:00.000000Z",
         "resume 2025-12-01T00:00:00.000000Z"},
        {kiritimati, "2025-11-23T22:30:00Z", "pause 2025-11-23T22:00:00.000000Z",
         "resume 2025-11-23T23:00:00.000000Z"},
        {baker, "2025-11-25T00:30:00Z", "pause 2025-11-25T00:00:00.000000Z",
         "resume 2025-11-25T01:00:00.000000Z"},
        {nights, "1970-01-01T00:00:00Z", "pause 1969-12-31T20:00:00.000000Z",
         "resume 1970-01-01T06:00:00.000000Z"},
    };
    for (const auto& each : rows) {
        EXPECT_EQ(text_of(latest_edge(each.plan, at(each.time))), each.latest) << each.time;
        EXPECT_EQ(text_of(next_edge(each.plan, at(each.time))), each.next) << each.time;
    }
}

TEST(schedule, has_no_edge_between_adjacent_and_overlapping_windows) {
    const schedule parts{.off = {{.days = 1, .begin = 8 * 60, .end = 10 * 60},
                                 {.days = 1, .begin = 10 * 60, .end = 12 * 60},
                                 {.days = 1, .begin = 11 * 60, .end = 13 * 60}}};
    EXPECT_EQ(text_of(next_edge(parts, at("2025-11-24T08:00:00Z"))),
              "resume 2025-11-24T13:00:00.000000Z");
    EXPECT_EQ(text_of(latest_edge(parts, at("2025-11-24T12:59:00Z"))),
              "pause 2025-11-24T08:00:00.000000Z");
}

TEST(schedule, covers_the_week_if_no_minute_is_left) {
    const auto covers = [](std::vector<off_window> off) {
        return covers_week({.off = std::move(off)});
    };
    EXPECT_TRUE(covers({{.days = every_day, .begin = 0, .end = 0}}));
    EXPECT_TRUE(covers({{.days = every_day, .begin = 9 * 60, .end = 9 * 60}}));
    EXPECT_TRUE(covers({{.days = every_day, .begin = 6 * 60, .end = 20 * 60},
                        {.days = every_day, .begin = 20 * 60, .end = 6 * 60}}));
    EXPECT_FALSE(covers({{.days = every_day, .begin = 0, .end = 23 * 60 + 59}}));
    EXPECT_FALSE(covers({{.days = monday_to_friday | (1U << 5U), .begin = 0, .end = 0}}));
    EXPECT_FALSE(covers({}));
}

TEST(schedule, is_valid_within_its_limits) {
    EXPECT_TRUE(is_valid(nights));
    EXPECT_TRUE(is_valid({.utc_offset_minutes = -14 * 60, .off = nights.off}));
    EXPECT_FALSE(is_valid({}));
    EXPECT_FALSE(is_valid({.utc_offset_minutes = 14 * 60 + 1, .off = nights.off}));
    EXPECT_FALSE(is_valid({.off = {{.days = 0, .begin = 0, .end = 60}}}));
    EXPECT_FALSE(is_valid({.off = {{.days = 1U << 7U, .begin = 0, .end = 60}}}));
    EXPECT_FALSE(is_valid({.off = {{.days = 1, .begin = -1, .end = 60}}}));
    EXPECT_FALSE(is_valid({.off = {{.days = 1, .begin = 0, .end = minutes_per_day}}}));
    EXPECT_FALSE(is_valid({.off = {{.days = every_day, .begin = 0, .end = 0}}}));
    EXPECT_FALSE(is_valid({.off = std::vector<off_window>(15, nights.off[0])}));
}

TEST(schedule, reads_and_writes_offsets_and_times) {
    for (const int minutes : {-840, -90, -1, 0, 60, 330, 840}) {
        EXPECT_EQ(offset_from(offset_text(minutes)), minutes);
    }
    EXPECT_EQ(offset_text(-210), "-03:30");
    EXPECT_EQ(offset_from("-00:00"), 0);
    for (const auto* text : {"", "Z", "01:00", "+1:00", "+01", "+0100", "+14:01", "-15:00",
                             "+01:60", "+01:0x", "+-1:00"}) {
        EXPECT_FALSE(offset_from(text)) << text;
    }
    for (const int minute : {0, 59, 60, 1439}) EXPECT_EQ(time_from(time_text(minute)), minute);
    EXPECT_EQ(time_text(545), "09:05");
    for (const auto* text : {"", "9:05", "24:00", "23:60", "20.00", "20:00:00", " 9:05", "-1:00"}) {
        EXPECT_FALSE(time_from(text)) << text;
    }
}

// Whether a window has the local minute of the week, by the definition.
bool is_off(const schedule& plan, int minute_of_week) {
    constexpr int week = 7 * minutes_per_day;
    for (const auto& window : plan.off) {
        const int length = (window.end - window.begin + minutes_per_day - 1) % minutes_per_day + 1;
        for (int day = 0; day < 7; ++day) {
            if ((window.days >> unsigned(day) & 1U) == 0) continue;
            const int begin = day * minutes_per_day + window.begin;
            if ((minute_of_week - begin + week) % week < length) return true;
        }
    }
    return false;
}

TEST(schedule, has_the_edges_that_a_walk_over_all_minutes_finds) {
    constexpr int week = 7 * minutes_per_day;
    const auto seed = std::random_device{}();
    SCOPED_TRACE(seed);
    std::minstd_rand random(seed);
    const auto below = [&](unsigned count) { return static_cast<int>(random() % count); };
    for (int round = 0; round < 6; ++round) {
        schedule plan{.utc_offset_minutes = below(1681) - 840, .off = {}};
        const int windows = 1 + below(6);
        for (int i = 0; i < windows; ++i) {
            const int grain = below(2) == 0 ? 1 : 240;  // coarse ones touch each other often
            plan.off.push_back({.days = static_cast<std::uint8_t>(1 + below(127)),
                                .begin = below(unsigned(minutes_per_day / grain)) * grain,
                                .end = below(unsigned(minutes_per_day / grain)) * grain});
        }
        std::vector<bool> off(week);
        for (int minute = 0; minute < week; ++minute)
            off[std::size_t(minute)] = is_off(plan, minute);
        const bool is_all_off = std::ranges::find(off, false) == off.end();
        ASSERT_EQ(covers_week(plan), is_all_off);
        ASSERT_EQ(is_valid(plan), !is_all_off);
        if (is_all_off) continue;
        const auto monday =
            at("2025-11-24T00:00:00Z") - std::chrono::minutes(plan.utc_offset_minutes);
        const auto is_edge = [&](int minute) {
            return off[std::size_t((minute + week) % week)] !=
                   off[std::size_t((minute - 1 + week) % week)];
        };
        for (int minute = 0; minute < week; minute += 1 + below(60)) {
            int latest = minute;
            while (!is_edge(latest)) --latest;
            int next = minute + 1;
            while (!is_edge(next)) ++next;
            const auto action =
                off[std::size_t(minute)] ? schedule_action::pause : schedule_action::resume;
            const auto other =
                off[std::size_t(minute)] ? schedule_action::resume : schedule_action::pause;
            const auto time =
                monday + std::chrono::minutes(minute) + std::chrono::seconds(below(60));
            ASSERT_EQ(
                latest_edge(plan, time),
                (schedule_edge{.time = monday + std::chrono::minutes(latest), .action = action}));
            ASSERT_EQ(
                next_edge(plan, time),
                (schedule_edge{.time = monday + std::chrono::minutes(next), .action = other}));
        }
    }
}

}  // namespace
}  // namespace domain
