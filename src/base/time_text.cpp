#include "base/time_text.hpp"

#include <fmt/format.h>

namespace base {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::hh_mm_ss;
using std::chrono::microseconds;
using std::chrono::seconds;
using std::chrono::year_month_day;

std::string render(instant when, bool micro) {
    const auto day = floor<days>(when);
    const year_month_day date(day);
    const hh_mm_ss clock(when - day);
    auto text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", int(date.year()),
                            unsigned(date.month()), unsigned(date.day()), clock.hours().count(),
                            clock.minutes().count(), clock.seconds().count());
    if (micro) text += fmt::format(".{:06}", clock.subseconds().count());
    text += 'Z';
    return text;
}

// Reads exactly `width` digits from `position`. Returns -1 if the text has other characters there.
int digits(std::string_view text, std::size_t position, std::size_t width) {
    if (position + width > text.size()) return -1;
    int value = 0;
    for (std::size_t i = position; i < position + width; ++i) {
        if (text[i] < '0' || text[i] > '9') return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

}  // namespace

std::string to_rfc3339(instant when) {
    return render(floor<seconds>(when), false);
}

std::string to_rfc3339_micro(instant when) {
    return render(when, true);
}

std::optional<instant> from_rfc3339(std::string_view text) {
    if (text.size() < 20 || text[4] != '-' || text[7] != '-' ||
        (text[10] != 'T' && text[10] != 't') || text[13] != ':' || text[16] != ':') {
        return std::nullopt;
    }
    const int year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2);
    const int hour = digits(text, 11, 2), minute = digits(text, 14, 2),
              second = digits(text, 17, 2);
    if (year < 0 || month < 1 || day < 1 || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
        second < 0 || second > 60) {
        return std::nullopt;
    }
    const year_month_day date{std::chrono::year(year), std::chrono::month(unsigned(month)),
                              std::chrono::day(unsigned(day))};
    if (!date.ok()) return std::nullopt;
    std::size_t position = 19;
    std::int64_t fraction = 0;
    if (text[position] == '.') {
        std::size_t decimals = 0;
        for (++position; position < text.size() && text[position] >= '0' && text[position] <= '9';
             ++position, ++decimals) {
            if (decimals < 6) fraction = fraction * 10 + (text[position] - '0');
        }
        if (decimals == 0 || decimals > 9) return std::nullopt;
        for (; decimals < 6; ++decimals) fraction *= 10;
    }
    if (position >= text.size()) return std::nullopt;
    int offset_minutes = 0;
    if (text[position] == 'Z' || text[position] == 'z') {
        if (position + 1 != text.size()) return std::nullopt;
    } else if ((text[position] == '+' || text[position] == '-') && position + 6 == text.size() &&
               text[position + 3] == ':') {
        const int hours = digits(text, position + 1, 2), minutes = digits(text, position + 4, 2);
        if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return std::nullopt;
        offset_minutes = (text[position] == '-' ? -1 : 1) * (hours * 60 + minutes);
    } else {
        return std::nullopt;
    }
    return instant(std::chrono::sys_days(date)) + std::chrono::hours(hour) +
           std::chrono::minutes(minute - offset_minutes) + seconds(second) + microseconds(fraction);
}

}  // namespace base
