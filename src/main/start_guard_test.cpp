#include "main/start_guard.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <future>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;

// Sends real signals to the process, which blocks them as process_signals does.
class start_guard_case : public testing::Test {
  protected:
    void SetUp() override {
        sigemptyset(&set_);
        sigaddset(&set_, SIGTERM);
        sigaddset(&set_, SIGINT);
        pthread_sigmask(SIG_BLOCK, &set_, &before_);
    }
    void TearDown() override {
        EXPECT_EQ(pending_signal(), 0) << "a signal was left";
        pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }

    // Takes a signal that the process has received.
    int pending_signal() {
        const timespec none{};
        const int signal = sigtimedwait(&set_, nullptr, &none);
        return std::max(signal, 0);
    }

    start_guard::callbacks recorded() {
        return {.on_signal =
                    [this](int signal, const char* step) {
                        arrived_.set_value(std::to_string(signal) + ' ' + step);
                    },
                .on_expired =
                    [this](int signal, const char* step) {
                        expired_.set_value(std::to_string(signal) + ' ' + step);
                    }};
    }

    template <class T>
    static bool is_set(const std::future<T>& value) {
        return value.wait_for(0s) == std::future_status::ready;
    }

    std::promise<std::string> arrived_;
    std::promise<std::string> expired_;
    std::future<std::string> arrival_ = arrived_.get_future();
    std::future<std::string> expiry_ = expired_.get_future();
    sigset_t set_{};
    sigset_t before_{};
};

const auto sigterm = std::to_string(SIGTERM);

TEST_F(start_guard_case, expires_if_the_step_does_not_end) {
    start_guard guard(1ms, recorded());
    ASSERT_TRUE(guard.enter("open the store"));
    kill(getpid(), SIGTERM);
    EXPECT_EQ(expiry_.get(), sigterm + " open the store");
    EXPECT_EQ(arrival_.get(), sigterm + " open the store");
}

TEST_F(start_guard_case, rejects_the_next_step_after_a_signal) {
    start_guard guard(1h, recorded());
    kill(getpid(), SIGTERM);
    EXPECT_FALSE(guard.sleep(1h));
    const auto entered = guard.enter("load the records");
    ASSERT_FALSE(entered);
    EXPECT_EQ(entered.error().code, base::errc::cancelled);
    EXPECT_EQ(entered.error().text,
              "SIGTERM arrived before the end of the start, at the step 'load the records'");
    EXPECT_FALSE(is_set(expiry_));
}

TEST_F(start_guard_case, expires_at_a_second_signal) {
    start_guard guard(1h, recorded());
    kill(getpid(), SIGINT);
    arrival_.wait();
    kill(getpid(), SIGTERM);
    EXPECT_EQ(expiry_.get(), std::to_string(SIGINT) + " start");
}

TEST_F(start_guard_case, sleeps_until_the_end_without_a_signal) {
    start_guard guard(1h, recorded());
    EXPECT_TRUE(guard.sleep(1ms));
    guard.complete();
    EXPECT_FALSE(is_set(arrival_));
}

TEST_F(start_guard_case, sends_a_signal_again_after_a_complete_start) {
    start_guard guard(1h, recorded());
    kill(getpid(), SIGTERM);
    arrival_.wait();
    EXPECT_FALSE(guard.sleep(1h));
    guard.complete();
    EXPECT_EQ(pending_signal(), SIGTERM);
    EXPECT_FALSE(is_set(expiry_));
}

TEST_F(start_guard_case, leaves_later_signals_to_the_process) {
    start_guard guard(1h, recorded());
    guard.complete();
    kill(getpid(), SIGTERM);
    EXPECT_EQ(pending_signal(), SIGTERM);
    EXPECT_FALSE(is_set(arrival_));
}

}  // namespace
