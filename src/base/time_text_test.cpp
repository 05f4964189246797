#include "base/time_text.hpp"

#include <gtest/gtest.h>

namespace base {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

TEST(time_text, formats_whole_seconds_in_utc) {
    EXPECT_EQ(to_rfc3339(instant(seconds(1764001800))), "2025-11-24T16:30:00Z");
    EXPECT_EQ(to_rfc3339(instant(microseconds(999'999))), "1970-01-01T00:00:00Z");
    EXPECT_EQ(to_rfc3339(instant(seconds(-1))), "1969-12-31T23:59:59Z");
}

TEST(time_text, formats_micro_time_with_six_decimals) {
    EXPECT_EQ(to_rfc3339_micro(instant(microseconds(1'764'001'800'000'042))),
              "2025-11-24T16:30:00.000042Z");
}

TEST(time_text, parses_offsets_and_fractions) {
    const instant expected(seconds(1764001800));
    EXPECT_EQ(from_rfc3339("2025-11-24T16:30:00Z"), expected);
    EXPECT_EQ(from_rfc3339("2025-11-24T18:30:00+02:00"), expected);
    EXPECT_EQ(from_rfc3339("2025-11-24T11:00:00-05:30"), expected);
    EXPECT_EQ(from_rfc3339("2025-11-24t16:30:00.25z"), expected + microseconds(250'000));
    EXPECT_EQ(from_rfc3339("2025-11-24T16:30:00.123456789Z"), expected + microseconds(123'456));
}

TEST(time_text, rejects_text_that_is_not_rfc_3339) {
    for (const char* text :
         {"", "2025-11-24", "2025-11-24T16:30:00", "2025-13-24T16:30:00Z", "2025-02-30T16:30:00Z",
          "2025-11-24T24:30:00Z", "2025-11-24T16:60:00Z", "2025-11-24T16:30:00.Z",
          "2025-11-24T16:30:00.1234567890Z", "2025-11-24T16:30:00+2:00", "2025-11-24T16:30:00Zx",
          "2025-11-24T16:30:00+24:00", "2025/11/24T16:30:00Z", "2025-11-24 16:30:00Z"}) {
        EXPECT_EQ(from_rfc3339(text), std::nullopt) << text;
    }
}

TEST(time_text, round_trips_formatted_times) {
    for (const std::int64_t value : {0LL, 1LL, 951'782'400'000'000LL, 4'102'444'800'123'456LL}) {
        const instant when{microseconds(value)};
        EXPECT_EQ(from_rfc3339(to_rfc3339_micro(when)), when);
    }
}

}  // namespace
}  // namespace base
