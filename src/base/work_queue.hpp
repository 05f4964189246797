#pragma once
// A keyed work queue after client-go's workqueue: a key waits at most once, is worked on by one
// worker at a time, and comes back once more when it was added meanwhile; failures come back after
// a per-key exponential wait. Sans-io: the caller gives the time. One thread.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <queue>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"

namespace base {

struct work_queue_options {
    std::chrono::milliseconds retry_first{200};
    std::chrono::milliseconds retry_most{30000};
};

class work_queue {
  public:
    explicit work_queue(work_queue_options options = {}) : options_(options) {}

    // The key is worth a look now. Merged when it waits already; remembered when it is being worked
    // on.
    void add(const std::string& key);
    // The key is worth a look at `when`. The earliest of several times counts; add() beats them
    // all.
    void add_at(const std::string& key, steady_time when);
    // After a failure: add_at with a wait that doubles each time (until forget_failures).
    void add_after_failure(const std::string& key, steady_time now);
    void forget_failures(const std::string& key);

    // The next key that is due at `now`, handed to the caller until done(). Nothing when none is
    // due.
    std::optional<std::string> take(steady_time now);
    void done(const std::string& key);

    // When take() may have something, if nothing is added before: now or earlier when something
    // waits; nothing when empty.
    [[nodiscard]] std::optional<steady_time> next_due() const;
    [[nodiscard]] std::size_t waiting() const noexcept { return ready_.size(); }
    [[nodiscard]] std::size_t delayed() const noexcept { return delayed_count_; }
    [[nodiscard]] std::size_t in_work() const noexcept { return in_work_; }

  private:
    struct item {
        bool ready = false;    // in ready_
        bool working = false;  // taken and not done
        bool again = false;    // added while working
        std::optional<steady_time> delayed_until;
        int failures = 0;
    };
    struct timer {
        steady_time when;
        std::string key;
        bool operator>(const timer& other) const noexcept { return when > other.when; }
    };
    void make_ready(const std::string& key, item& entry);
    void drop_if_idle(const std::string& key);
    void promote(steady_time now);

    work_queue_options options_;
    std::unordered_map<std::string, item> items_;
    std::deque<std::string> ready_;
    std::priority_queue<timer, std::vector<timer>, std::greater<>>
        timers_;  // may hold outdated entries
    std::size_t delayed_count_ = 0;
    std::size_t in_work_ = 0;
};

}  // namespace base
