#pragma once
// A keyed work queue after client-go's workqueue. A key is queued at most once and processed by one
// worker at a time. A key that is added while it is processed is queued again by done(). Failed
// keys return after a per-key exponential backoff. Sans-io: the caller passes the time. Not
// thread-safe.

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
    std::chrono::milliseconds retry_min{200};
    std::chrono::milliseconds retry_max{30000};
};

class work_queue {
  public:
    explicit work_queue(work_queue_options options = {}) : options_(options) {}

    // Enqueues the key. No-op if the key is already queued; if the key is being processed, done()
    // queues it again.
    void add(const std::string& key);
    // Enqueues the key at `when`. The earliest of several times applies; add() overrides all.
    void add_at(const std::string& key, steady_time when);
    // Enqueues the key after its backoff, which doubles with each call from retry_min to retry_max.
    void add_after_failure(const std::string& key, steady_time now);
    // Resets the backoff of the key.
    void forget_failures(const std::string& key);

    // Returns the next key that is due at `now`, or nullopt. The caller must call done() for it.
    std::optional<std::string> take(steady_time now);
    void done(const std::string& key);

    // Returns true between take() and done() of the key.
    [[nodiscard]] bool is_processing(const std::string& key) const;

    // Returns the earliest time at which take() may return a key: the minimum time if a key is
    // queued, nullopt if no key is queued or delayed.
    [[nodiscard]] std::optional<steady_time> next_due() const;
    [[nodiscard]] std::size_t queued() const noexcept { return ready_.size(); }
    [[nodiscard]] std::size_t delayed() const noexcept { return delayed_count_; }
    [[nodiscard]] std::size_t processing() const noexcept { return processing_count_; }

  private:
    struct item {
        bool is_queued = false;      // in ready_
        bool is_processing = false;  // between take() and done()
        bool is_readded = false;     // added while processing
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
        timers_;  // may contain outdated entries
    std::size_t delayed_count_ = 0;
    std::size_t processing_count_ = 0;
};

}  // namespace base
