#include "domain/schedule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace domain {
namespace {

constexpr int days_per_week = 7;
constexpr int minutes_per_week = days_per_week * minutes_per_day;
constexpr unsigned all_days = (1U << days_per_week) - 1;
// 1970-01-05 is a Monday.
constexpr std::chrono::days first_monday{4};

struct interval {  // minutes of the week, which begins on Monday
    int begin = 0;
    int end = 0;  // exclusive
};

void add_window(const off_window& window, std::vector<interval>& all) {
    const int length =
        window.end - window.begin + (window.end > window.begin ? 0 : minutes_per_day);
    for (int day = 0; day < days_per_week; ++day) {
        if ((window.days >> unsigned(day) & 1U) == 0) continue;
        const int begin = day * minutes_per_day + window.begin;
        const int end = begin + length;
        all.push_back({.begin = begin, .end = std::min(end, minutes_per_week)});
        if (end > minutes_per_week) all.push_back({.begin = 0, .end = end - minutes_per_week});
    }
}

// Returns the windows as disjoint intervals in their order. None touches the next one, but the last
// may continue in the first.
std::vector<interval> off_intervals(const schedule& plan) {
    std::vector<interval> all;
    for (const auto& window : plan.off) add_window(window, all);
    std::ranges::sort(all, {}, &interval::begin);
    std::vector<interval> merged;
    for (const auto& each : all) {
        if (merged.empty() || each.begin > merged.back().end) {
            merged.push_back(each);
        } else {
            merged.back().end = std::max(merged.back().end, each.end);
        }
    }
    return merged;
}

// An edge as a minute of the week.
struct weekly_edge {
    int minute = 0;
    schedule_action action = schedule_action::pause;
};

std::vector<weekly_edge> weekly_edges(const schedule& plan) {
    const auto intervals = off_intervals(plan);
    std::vector<weekly_edge> edges;
    if (intervals.empty()) return edges;
    const bool continues = intervals.front().begin == 0 && intervals.back().end == minutes_per_week;
    for (const auto& each : intervals) {
        if (!continues || each.begin != 0) {
            edges.push_back({.minute = each.begin, .action = schedule_action::pause});
        }
        if (!continues || each.end != minutes_per_week) {
            edges.push_back(
                {.minute = each.end % minutes_per_week, .action = schedule_action::resume});
        }
    }
    return edges;
}

// Returns the time since the last begin of a local week.
instant::duration time_of_week(const schedule& plan, instant time) {
    constexpr instant::duration week = std::chrono::weeks(1);
    const auto local =
        time.time_since_epoch() + std::chrono::minutes(plan.utc_offset_minutes) - first_monday;
    const auto rest = local % week;
    return rest < instant::duration(0) ? rest + week : rest;
}

std::optional<int> two_digits(std::string_view text) noexcept {
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    if (text.size() != 2 || !std::ranges::all_of(text, is_digit)) return std::nullopt;
    return (text[0] - '0') * 10 + (text[1] - '0');
}

// Reads "HH:MM" without a limit of the hours.
std::optional<int> minutes_from(std::string_view text) noexcept {
    if (text.size() != 5 || text[2] != ':') return std::nullopt;
    const auto hours = two_digits(text.substr(0, 2));
    const auto minutes = two_digits(text.substr(3));
    if (!hours || !minutes || *minutes > 59) return std::nullopt;
    return *hours * 60 + *minutes;
}

}  // namespace

std::string_view name(schedule_action action) noexcept {
    return action == schedule_action::pause ? "pause" : "resume";
}

std::string offset_text(int utc_offset_minutes) {
    return (utc_offset_minutes < 0 ? "-" : "+") + time_text(std::abs(utc_offset_minutes));
}

std::optional<int> offset_from(std::string_view text) noexcept {
    if (!text.starts_with('+') && !text.starts_with('-')) return std::nullopt;
    const auto minutes = minutes_from(text.substr(1));
    if (!minutes || *minutes > utc_offset_minutes_max) return std::nullopt;
    return text.front() == '-' ? -*minutes : *minutes;
}

std::string time_text(int minute_of_day) {
    return fmt::format("{:02}:{:02}", minute_of_day / 60, minute_of_day % 60);
}

std::optional<int> time_from(std::string_view text) noexcept {
    const auto minutes = minutes_from(text);
    if (!minutes || *minutes >= minutes_per_day) return std::nullopt;
    return minutes;
}

bool covers_week(const schedule& plan) {
    const auto intervals = off_intervals(plan);
    return intervals.size() == 1 && intervals.front().begin == 0 &&
           intervals.front().end == minutes_per_week;
}

bool is_valid(const schedule& plan) {
    const auto is_time = [](int minute) { return minute >= 0 && minute < minutes_per_day; };
    const auto is_window = [&](const off_window& window) {
        return window.days != 0 && window.days <= all_days && is_time(window.begin) &&
               is_time(window.end);
    };
    return std::abs(plan.utc_offset_minutes) <= utc_offset_minutes_max && !plan.off.empty() &&
           plan.off.size() <= off_windows_max && std::ranges::all_of(plan.off, is_window) &&
           !covers_week(plan);
}

schedule_edge latest_edge(const schedule& plan, instant time) {
    const auto position = time_of_week(plan, time);
    schedule_edge latest{.time = instant::min()};
    for (const auto& edge : weekly_edges(plan)) {
        auto age = position - instant::duration(std::chrono::minutes(edge.minute));
        if (age < instant::duration(0)) age += std::chrono::weeks(1);
        if (time - age > latest.time) latest = {.time = time - age, .action = edge.action};
    }
    return latest;
}

schedule_edge next_edge(const schedule& plan, instant time) {
    const auto position = time_of_week(plan, time);
    schedule_edge next{.time = instant::max()};
    for (const auto& edge : weekly_edges(plan)) {
        auto wait = instant::duration(std::chrono::minutes(edge.minute)) - position;
        if (wait <= instant::duration(0)) wait += std::chrono::weeks(1);
        if (time + wait < next.time) next = {.time = time + wait, .action = edge.action};
    }
    return next;
}

}  // namespace domain
