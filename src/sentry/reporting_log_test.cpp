#include "sentry/reporting_log.hpp"

#include <gtest/gtest.h>

#include "test/support/manual_clock.hpp"

namespace {

using namespace std::chrono_literals;

class counting_log final : public obs::log_service {
  public:
    void write(obs::level, std::string_view, std::initializer_list<obs::field>) override {
        ++lines;
    }
    [[nodiscard]] bool is_enabled(obs::level) const noexcept override { return true; }
    void flush() override {}
    void set_level_min(obs::level) noexcept override {}
    [[nodiscard]] std::uint64_t dropped() const noexcept override { return 0; }
    int lines = 0;
};

class reporting_log : public ::testing::Test {
  protected:
    counting_log target_;
    fakes::manual_clock clock_;
    sentry::reporting_log log_{target_,
                               *sentry::parse_dsn(base::secret("http://k@localhost/1")),
                               {.queue_max = 3},
                               clock_};
};

TEST_F(reporting_log, passes_every_line_on_and_queues_errors_alone) {
    log_.info("started");
    log_.warning("late");
    log_.error("store_failed", {{"code", "unavailable"}});
    EXPECT_EQ(target_.lines, 3);
    EXPECT_EQ(log_.queued(), 1U);
}

TEST_F(reporting_log, reports_equal_errors_once_per_period) {
    for (int i = 0; i < 5; ++i) log_.error("store_failed", {{"code", "unavailable"}});
    EXPECT_EQ(log_.queued(), 1U);
    log_.error("store_failed", {{"code", "corrupt"}});
    EXPECT_EQ(log_.queued(), 2U);
    clock_.advance(61s);
    log_.error("store_failed", {{"code", "unavailable"}});
    EXPECT_EQ(log_.queued(), 3U);
}

TEST_F(reporting_log, counts_reports_that_do_not_fit) {
    for (int i = 0; i < 5; ++i) log_.error("failed", {{"code", std::to_string(i)}});
    EXPECT_EQ(log_.queued(), 3U);
    EXPECT_EQ(log_.lost(), 2U);
}

}  // namespace
