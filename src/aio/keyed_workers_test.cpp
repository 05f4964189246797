#include "aio/keyed_workers.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <vector>

#include "test/support/manual_clock.hpp"

namespace aio {
namespace {

using base::errc;
using std::chrono::milliseconds;

class keyed_workers_test : public ::testing::Test {
  protected:
    void start(keyed_workers_options options) {
        options.on_turn = [this] { ++turns_; };
        options.on_failure = [this](const std::string& key, const base::failure& error) {
            failures_.push_back(key + ": " + error.text);
        };
        workers_.emplace(loop_.executor(), clock_, std::move(options),
                         [this](std::string key) { return reconcile(std::move(key)); });
        group_.spawn(workers_->run());
        loop_.poll();
    }
    void TearDown() override {
        group_.cancel();
        while (group_.size() > 0) loop_.poll();
    }
    task<requeue_after> reconcile(std::string key) {
        ++passes_[key];
        if (blocked_.contains(key)) {
            const auto wait = co_await gate_.wait();
            if (!wait) co_return base::pass(wait);
        }
        if (const auto it = results_.find(key); it != results_.end()) co_return it->second;
        co_return requeue_after();
    }
    void advance(milliseconds duration) {
        clock_.advance(duration);
        loop_.poll();
    }

    loop loop_;
    fakes::manual_clock clock_;
    notification gate_{loop_.executor()};
    task_group group_{loop_.executor()};
    std::optional<keyed_workers> workers_;
    std::map<std::string, int> passes_;
    std::map<std::string, base::outcome<requeue_after>> results_;
    std::set<std::string> blocked_;
    std::vector<std::string> failures_;
    int turns_ = 0;
};

TEST_F(keyed_workers_test, reconciles_an_added_key_once) {
    start({});
    workers_->add("a");
    workers_->add("a");
    loop_.poll();
    EXPECT_EQ(passes_["a"], 1);
    EXPECT_EQ(workers_->processing(), 0u);
    EXPECT_GE(turns_, 2);
}

TEST_F(keyed_workers_test, reconciles_a_key_again_that_was_added_during_its_pass) {
    blocked_ = {"a"};
    start({});
    workers_->add("a");
    loop_.poll();
    EXPECT_TRUE(workers_->is_processing("a"));
    workers_->add("a");
    loop_.poll();
    EXPECT_EQ(passes_["a"], 1);
    blocked_.clear();
    gate_.notify();
    loop_.poll();
    EXPECT_EQ(passes_["a"], 2);
    EXPECT_FALSE(workers_->is_processing("a"));
}

TEST_F(keyed_workers_test, runs_at_most_workers_max_keys_at_the_same_time) {
    blocked_ = {"a"};
    start({.workers_max = 1});
    workers_->add("a");
    workers_->add("b");
    loop_.poll();
    EXPECT_EQ(passes_["a"], 1);
    EXPECT_EQ(passes_["b"], 0);
    EXPECT_EQ(workers_->queued(), 1u);
    gate_.notify();
    loop_.poll();
    EXPECT_EQ(passes_["b"], 1);
}

TEST_F(keyed_workers_test, retries_a_failed_key_after_its_backoff) {
    results_.emplace("a", base::fail(errc::unavailable, "down"));
    start({.retry = {.retry_min = milliseconds(100)}});
    workers_->add("a");
    loop_.poll();
    EXPECT_EQ(failures_, std::vector<std::string>{"a: down"});
    advance(milliseconds(99));
    EXPECT_EQ(passes_["a"], 1);
    results_.at("a") = requeue_after();
    advance(milliseconds(1));
    EXPECT_EQ(passes_["a"], 2);
    advance(milliseconds(10'000));
    EXPECT_EQ(passes_["a"], 2);
}

TEST_F(keyed_workers_test, requeues_a_key_after_the_returned_delay) {
    results_.emplace("a", requeue_after(milliseconds(50)));
    start({});
    workers_->add("a");
    loop_.poll();
    advance(milliseconds(49));
    EXPECT_EQ(passes_["a"], 1);
    advance(milliseconds(1));
    EXPECT_EQ(passes_["a"], 2);
}

TEST_F(keyed_workers_test, reconciles_a_key_after_the_delay_of_add_after) {
    start({});
    workers_->add_after("a", milliseconds(20));
    loop_.poll();
    EXPECT_EQ(passes_["a"], 0);
    advance(milliseconds(20));
    EXPECT_EQ(passes_["a"], 1);
}

TEST_F(keyed_workers_test, cancels_and_awaits_its_workers_when_cancelled) {
    blocked_ = {"a"};
    start({});
    workers_->add("a");
    loop_.poll();
    group_.cancel();
    loop_.run();
    EXPECT_EQ(group_.size(), 0u);
    EXPECT_EQ(workers_->processing(), 0u);
    EXPECT_TRUE(failures_.empty());
}

}  // namespace
}  // namespace aio
