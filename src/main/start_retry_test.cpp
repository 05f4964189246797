#include "main/start_retry.hpp"

#include <gtest/gtest.h>

#include "test/support/manual_clock.hpp"
#include "test/support/recording_log.hpp"

namespace {

using namespace std::chrono_literals;

class start_retry_case : public testing::Test {
  protected:
    // Runs a step that fails with the code until the attempt with the number `succeeds_at`.
    base::outcome<void> run(base::errc code, int succeeds_at, std::chrono::seconds timeout) {
        start_retry retry(clock_, log_, timeout, [this](std::chrono::milliseconds delay) {
            delays_.push_back(delay);
            clock_.advance(delay);
            return !is_stopped_;
        });
        return retry.run([&]() -> base::outcome<void> {
            if (++attempts_ == succeeds_at) return base::ok();
            return base::fail(code, "the store did not respond");
        });
    }

    fakes::manual_clock clock_;
    fakes::recording_log log_;
    std::vector<std::chrono::milliseconds> delays_;
    bool is_stopped_ = false;
    int attempts_ = 0;
};

constexpr int never = -1;

TEST_F(start_retry_case, repeats_a_step_until_the_store_responds) {
    EXPECT_TRUE(run(base::errc::unavailable, 6, 60s));
    EXPECT_EQ(delays_, (std::vector<std::chrono::milliseconds>{500ms, 1s, 2s, 4s, 4s}));
    const auto lines = log_.lines_of("mongodb_start_retry");
    ASSERT_EQ(lines.size(), 5U);
    EXPECT_NE(lines[0].find("the store did not respond"), std::string::npos);
}

TEST_F(start_retry_case, returns_the_error_of_the_last_attempt_after_the_timeout) {
    const auto result = run(base::errc::unavailable, never, 10s);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, base::errc::unavailable);
    EXPECT_EQ(delays_, (std::vector<std::chrono::milliseconds>{500ms, 1s, 2s, 4s}));
}

TEST_F(start_retry_case, does_not_repeat_other_errors) {
    EXPECT_EQ(run(base::errc::denied, never, 60s).error().code, base::errc::denied);
    EXPECT_EQ(attempts_, 1);
    EXPECT_TRUE(log_.lines_of("mongodb_start_retry").empty());
}

TEST_F(start_retry_case, makes_one_attempt_without_a_timeout) {
    EXPECT_FALSE(run(base::errc::unavailable, never, 0s));
    EXPECT_EQ(attempts_, 1);
}

TEST_F(start_retry_case, ends_when_the_pause_ends_the_start) {
    is_stopped_ = true;
    EXPECT_FALSE(run(base::errc::unavailable, never, 60s));
    EXPECT_EQ(attempts_, 1);
}

}  // namespace
