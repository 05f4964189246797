#include "base/quantity.hpp"

#include <gtest/gtest.h>

namespace base {
namespace {

struct row {
    const char* text;
    std::int64_t value;
};

TEST(quantity, parses_bytes_exactly) {
    for (const auto& [text, value] :
         {row{"0", 0}, row{"1", 1}, row{"1Ki", 1024}, row{"1.5Gi", 1610612736}, row{"2e3", 2000},
          row{"1E", 1'000'000'000'000'000'000}, row{"+5M", 5'000'000}, row{"0.5", 1},
          row{"100m", 1}, row{"7Ei", 8070450532247928832}, row{"9223372036854775807", INT64_MAX}}) {
        const auto parsed = parse_bytes(text);
        ASSERT_TRUE(parsed) << text;
        EXPECT_EQ(*parsed, value) << text;
    }
}

TEST(quantity, parses_cpu_in_millicores) {
    for (const auto& [text, value] : {row{"500m", 500}, row{"2", 2000}, row{"0.25", 250},
                                      row{"12345678n", 13}, row{"1u", 1}, row{"1e1", 10000}}) {
        const auto parsed = parse_millis(text);
        ASSERT_TRUE(parsed) << text;
        EXPECT_EQ(*parsed, value) << text;
    }
}

TEST(quantity, rejects_text_that_is_not_a_quantity) {
    for (const char* text : {"", "m", "-1", "1.2.3", "1 Gi", "1gi", "1e", "1e+", "1e99", "0x10",
                             "1Kii", "NaN", "12345678901234567890", "1.0000000000000000001Ei"}) {
        const auto parsed = parse_bytes(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().code, errc::invalid) << text;
    }
}

TEST(quantity, rejects_values_beyond_the_largest_integer) {
    EXPECT_FALSE(parse_millis("9223372036854775807"));
    EXPECT_FALSE(parse_millis("7Ei"));
    EXPECT_EQ(parse_millis("7Ei").error().code, errc::limit);
    EXPECT_EQ(parse_bytes("8Ei").error().code, errc::limit);
    EXPECT_EQ(parse_bytes("9223372036854775808").error().code, errc::limit);
    EXPECT_EQ(parse_bytes("8i").error().code, errc::invalid);
}

TEST(quantity, formats_the_shortest_exact_form) {
    EXPECT_EQ(bytes_text(1073741824), "1Gi");
    EXPECT_EQ(bytes_text(1500), "1500");
    EXPECT_EQ(bytes_text(1536 * 1024), "1536Ki");
    EXPECT_EQ(bytes_text(0), "0");
    EXPECT_EQ(format_millis(500), "500m");
    EXPECT_EQ(format_millis(2000), "2");
}

TEST(quantity, round_trips_formatted_values) {
    for (std::int64_t value : {1LL, 1023LL, 1024LL, 1LL << 40, (1LL << 62) + 1, 123456789LL}) {
        EXPECT_EQ(parse_bytes(bytes_text(value)).value(), value);
    }
}

}  // namespace
}  // namespace base
