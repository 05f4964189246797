#include "aio/keyed_workers.hpp"

#include <algorithm>
#include <utility>

namespace aio {

using base::errc;

keyed_workers::keyed_workers(aio::executor executor, const base::clock& clock,
                             keyed_workers_options options, reconcile_function reconcile)
    : clock_(clock),
      options_(std::move(options)),
      reconcile_(std::move(reconcile)),
      queue_(options_.retry),
      queue_changed_(executor, clock),
      workers_(executor) {}

void keyed_workers::add(const std::string& key) {
    queue_.add(key);
    queue_changed_.notify();
}

void keyed_workers::add_after(const std::string& key, std::chrono::nanoseconds delay) {
    queue_.add_at(key, clock_.now() + delay);
    queue_changed_.notify();
}

void keyed_workers::forget_failures(const std::string& key) {
    queue_.forget_failures(key);
}

task<> keyed_workers::run() {
    while (true) {
        const auto now = clock_.now();
        start_workers(now);
        if (options_.on_turn) options_.on_turn();
        const auto wait = co_await queue_changed_.wait_for(time_to_next_turn(now));
        if (!wait) break;
    }
    workers_.cancel();
    co_await workers_.join();
    co_return base::fail(errc::cancelled, "the workers were stopped");
}

void keyed_workers::start_workers(base::steady_time now) {
    while (workers_.size() < options_.workers_max) {
        auto key = queue_.take(now);
        if (!key) return;
        workers_.spawn(work_on(std::move(*key)));
    }
}

// A worker that ends notifies the loop, so that a full set of workers needs no timer.
std::chrono::nanoseconds keyed_workers::time_to_next_turn(base::steady_time now) const {
    const auto due = queue_.next_due();
    if (!due || workers_.size() >= options_.workers_max) return options_.turn_period;
    if (*due <= now) return std::chrono::nanoseconds(0);  // next_due() may be the minimum time
    return std::min<std::chrono::nanoseconds>(*due - now, options_.turn_period);
}

task<> keyed_workers::work_on(std::string key) {
    const auto result = co_await reconcile_(key);
    queue_.done(key);
    if (result) {
        queue_.forget_failures(key);
        if (*result) queue_.add_at(key, clock_.now() + **result);
    } else if (result.error().code != errc::cancelled) {
        if (options_.on_failure) options_.on_failure(key, result.error());
        queue_.add_after_failure(key, clock_.now());
    }
    queue_changed_.notify();
    co_return base::ok();
}

}  // namespace aio
