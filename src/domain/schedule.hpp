#pragma once
// The off-peak schedule of a database: weekly windows in which the platform keeps it paused, at a
// fixed offset from UTC. Overlapping and adjacent windows are one. The begin of a window is an
// edge that pauses, its end an edge that resumes; between two edges the schedule changes nothing.
// Pure.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace domain {

using base::instant;

inline constexpr std::array<std::string_view, 7> day_names{"mon", "tue", "wed", "thu",
                                                           "fri", "sat", "sun"};
inline constexpr int minutes_per_day = 24 * 60;
inline constexpr int utc_offset_minutes_max = 14 * 60;
inline constexpr std::size_t off_windows_max = 14;

struct off_window {
    std::uint8_t days = 0;  // on which the window begins; bit n is day n of day_names
    int begin = 0;          // minute of the day, below minutes_per_day
    int end = 0;            // minute of the day; of the next day unless it is after `begin`
    bool operator==(const off_window&) const = default;
};

struct schedule {
    int utc_offset_minutes = 0;  // of local time
    std::vector<off_window> off;
    bool operator==(const schedule&) const = default;
};

enum class schedule_action : std::uint8_t { pause, resume };

struct schedule_edge {
    instant time{};
    schedule_action action = schedule_action::pause;
    bool operator==(const schedule_edge&) const = default;
};

std::string_view name(schedule_action action) noexcept;

// Returns "+01:00".
std::string offset_text(int utc_offset_minutes);
// Returns std::nullopt if the text is not an offset from -14:00 to +14:00.
std::optional<int> offset_from(std::string_view text) noexcept;
// Returns "20:00".
std::string time_text(int minute_of_day);
// Returns std::nullopt if the text is not a time from 00:00 to 23:59.
std::optional<int> time_from(std::string_view text) noexcept;

// Returns whether the windows together cover the whole week, so that there is no edge.
bool covers_week(const schedule& plan);
// Returns whether every value is in its range and the schedule has edges.
bool is_valid(const schedule& plan);

// Returns the last edge at or before `time`. Precondition: is_valid(plan).
schedule_edge latest_edge(const schedule& plan, instant time);
// Returns the first edge after `time`. Precondition: is_valid(plan).
schedule_edge next_edge(const schedule& plan, instant time);

}  // namespace domain
