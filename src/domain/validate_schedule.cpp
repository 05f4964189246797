#include "domain/validate_schedule.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/json_pointer.hpp"

namespace domain {
namespace {

int read_time(const std::optional<std::string>& text, const std::string& pointer,
              field_errors& errors) {
    if (!text) {
        errors.add(pointer, "required", "must be given");
        return 0;
    }
    const auto minute = time_from(*text);
    if (!minute) errors.add(pointer, "bad_time", "must be a time from 00:00 to 23:59");
    return minute.value_or(0);
}

std::uint8_t read_days(const std::optional<std::vector<std::string>>& names,
                       const std::string& pointer, field_errors& errors) {
    if (!names || names->empty()) {
        errors.add(pointer, "required", "must name at least one day");
        return 0;
    }
    unsigned days = 0;
    for (std::size_t i = 0; i < names->size(); ++i) {
        const auto place = base::pointer_to(pointer, std::to_string(i));
        const auto* const day = std::ranges::find(day_names, (*names)[i]);
        if (day == day_names.end()) {
            errors.add(place, "unknown_day",
                       fmt::format("must be one of {}", fmt::join(day_names, ", ")));
            continue;
        }
        const auto bit = 1U << unsigned(day - day_names.begin());
        if ((days & bit) != 0) errors.add(place, "repeated", "names a day again");
        days |= bit;
    }
    return static_cast<std::uint8_t>(days);
}

}  // namespace

std::optional<schedule> read_schedule(const schedule_request& wanted, const schedule* present,
                                      field_errors& errors) {
    const auto errors_before = errors.count();
    schedule result = present != nullptr ? *present : schedule{};
    if (wanted.utc_offset) {
        const auto offset = offset_from(*wanted.utc_offset);
        if (!offset) {
            errors.add("/schedule/utc_offset", "bad_offset",
                       "must be an offset from UTC, from -14:00 to +14:00, such as +01:00");
        }
        result.utc_offset_minutes = offset.value_or(0);
    }
    if (wanted.off) result.off.clear();
    const auto count = wanted.off ? wanted.off->size() : result.off.size();
    if (count == 0 || count > off_windows_max) {
        errors.add("/schedule/off", count == 0 ? "no_windows" : "too_many",
                   fmt::format("must have 1 to {} windows", off_windows_max));
        return std::nullopt;
    }
    for (std::size_t i = 0; wanted.off && i < count; ++i) {
        const auto& window = (*wanted.off)[i];
        const auto pointer = fmt::format("/schedule/off/{}", i);
        const auto days = read_days(window.days, pointer + "/days", errors);
        const int begin = read_time(window.begin, pointer + "/from", errors);
        const int end = read_time(window.end, pointer + "/to", errors);
        result.off.push_back({.days = days, .begin = begin, .end = end});
    }
    if (errors.count() > errors_before) return std::nullopt;
    if (covers_week(result)) {
        errors.add("/schedule/off", "always_off",
                   "the windows cover the whole week, so the database would never run; pause it "
                   "instead");
        return std::nullopt;
    }
    return result;
}

void check_schedule_support(const engine_rules& rules, const topology& shape,
                            field_errors& errors) {
    if (!rules.can_pause) {
        errors.add(
            "/schedule", "unsupported",
            fmt::format("{} cannot be paused, so it cannot have a schedule", rules.display_name));
    } else if (shape.data().storage.type == storage_type::ephemeral) {
        errors.add("/schedule", "unsupported",
                   "a database with ephemeral storage cannot be paused, so it cannot have a "
                   "schedule: its data would be lost");
    }
}

}  // namespace domain
