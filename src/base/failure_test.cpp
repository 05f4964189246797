#include "base/failure.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/secret.hpp"

namespace base {
namespace {

enum class weather_cause : std::uint8_t { rain, snow };
enum class traffic_cause : std::uint8_t { jam };

std::string_view name(weather_cause value) {
    return value == weather_cause::rain ? "rain" : "snow";
}
std::string_view name(traffic_cause) {
    return "jam";
}

TEST(failure, carries_the_cause_through_a_pass_and_spells_it_as_the_reason) {
    const outcome<int> inner = fail(errc::unavailable, "wet", weather_cause::rain);
    const outcome<std::string> outer = pass(inner, "walk");
    EXPECT_EQ(outer.error().cause, weather_cause::rain);
    EXPECT_EQ(outer.error().reason, "rain");
    failure other = outer.error();
    other.set_cause(traffic_cause::jam);
    EXPECT_EQ(other.reason, "jam");
    EXPECT_EQ(other.cause, traffic_cause::jam);
}

TEST(cause, is_equal_only_to_the_same_enumerator_of_the_same_enum) {
    const cause rain = weather_cause::rain;
    EXPECT_EQ(rain, weather_cause::rain);
    EXPECT_NE(rain, weather_cause::snow);
    EXPECT_NE(rain, traffic_cause::jam);  // both have the value 0
    EXPECT_NE(rain, cause());
    EXPECT_EQ(rain.as<weather_cause>(), weather_cause::rain);
    EXPECT_EQ(rain.as<traffic_cause>(), std::nullopt);
    EXPECT_TRUE(cause().is_empty());
    EXPECT_FALSE(rain.is_empty());
}

TEST(failure, puts_outer_context_first) {
    outcome<int> inner = fail(errc::unavailable, "connection refused", "refused");
    const outcome<int> outer = pass(std::move(inner), "scrape shop/orders");
    EXPECT_EQ(outer.error().text, "scrape shop/orders: connection refused");
    EXPECT_EQ(outer.error().reason, "refused");
    EXPECT_TRUE(outer.error().retryable());
}

TEST(failure, pass_converts_a_failure_and_leaves_a_named_result_intact) {
    const outcome<int> inner = fail(errc::limit, "too many streams", "streams_max");
    const outcome<std::string> outer = pass(inner);
    const outcome<std::string> with_context = pass(inner, "open");
    EXPECT_EQ(outer.error().text, "too many streams");
    EXPECT_EQ(with_context.error().text, "open: too many streams");
    EXPECT_EQ(with_context.error().reason, "streams_max");
    EXPECT_EQ(inner.error().text, "too many streams");
}

TEST(failure, ok_is_a_success) {
    EXPECT_TRUE(ok().has_value());
}

TEST(failure, has_a_distinct_name_for_every_code) {
    std::set<std::string_view> names;
    for (int code = 0; code <= int(errc::internal); ++code)
        names.insert(name(static_cast<errc>(code)));
    EXPECT_EQ(names.size(), std::size_t(errc::internal) + 1);
}

TEST(secret, is_empty_after_a_move) {
    secret first("hunter2");
    const secret second(std::move(first));
    EXPECT_EQ(second.reveal(), "hunter2");
    EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): that is what is tested
    secret third;
    third = second;
    EXPECT_EQ(third, second);
}

}  // namespace
}  // namespace base
