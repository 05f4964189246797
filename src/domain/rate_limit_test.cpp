#include "domain/rate_limit.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace {

using namespace std::chrono_literals;
using domain::rate_quota;
using domain::rate_step;
using std::chrono::nanoseconds;

struct step_case {
    const char* condition;
    rate_quota quota;
    nanoseconds debt;
    rate_step expected;
};

TEST(rate_limit, admits_until_the_debt_would_exceed_the_capacity) {
    const rate_quota writes{.interval = 50ms, .burst = 100};
    const rate_quota logins{.interval = 12s, .burst = 5, .penalty_max = 15min};
    const std::vector<step_case> table{
        {"no request before", writes, 0ms, {true, 50ms}},
        {"a debt of the past", writes, -5s, {true, 50ms}},
        {"one request is left", writes, 4950ms, {true, 5s}},
        {"part of a request is left", writes, 4951ms, {false, 4951ms}},
        {"nothing is left, and a rejected request is free", writes, 5s, {false, 5s}},
        {"the last login", logins, 48s, {true, 60s}},
        {"a rejected login costs an interval", logins, 60s, {false, 72s}},
        {"the penalty is bounded", logins, 16min, {false, 16min}},
        {"the penalty reaches its bound", logins, 16min - 5s, {false, 16min}},
        {"a debt beyond the bound never shrinks", logins, 20min, {false, 20min}},
        {"no limit", {}, 1h, {true, 1h}},
    };
    for (const auto& row : table) {
        EXPECT_EQ(domain::next_step(row.quota, row.debt), row.expected) << row.condition;
    }
}

TEST(rate_limit, admits_the_burst_and_then_the_steady_rate) {
    const rate_quota quota{.interval = 100ms, .burst = 7};
    nanoseconds end{0};  // of the debt
    int admitted = 0;
    for (nanoseconds now{0}; now < 10s; now += 1ms) {
        const auto step = domain::next_step(quota, end - now);
        end = now + step.debt;
        if (step.is_admitted) ++admitted;
    }
    EXPECT_EQ(admitted, 7 + 99);
}

TEST(rate_limit, divides_a_quota_among_replicas) {
    const rate_quota quota{.interval = 1ms, .burst = 2000};
    EXPECT_EQ(quota.share_of(4), (rate_quota{.interval = 4ms, .burst = 500}));
    EXPECT_EQ(quota.share_of(1), quota);
    EXPECT_EQ(quota.share_of(0), quota);
    EXPECT_EQ(quota.share_of(5000).burst, 1);
}

TEST(rate_limit, reports_what_is_left_and_when) {
    const rate_quota quota{.interval = 50ms, .burst = 100};
    EXPECT_EQ(domain::report_of(quota, 0ms),
              (domain::rate_report{.remaining = 100, .reset = 0s, .wait = 0s, .window = 5s}));
    EXPECT_EQ(domain::report_of(quota, 2001ms),
              (domain::rate_report{.remaining = 59, .reset = 3s, .wait = 0s, .window = 5s}));
    EXPECT_EQ(domain::report_of(quota, 5s),
              (domain::rate_report{.remaining = 0, .reset = 5s, .wait = 1s, .window = 5s}));
    EXPECT_EQ(domain::report_of({}, 5s), domain::rate_report{});
}

}  // namespace
