#pragma once
// The worker loop of a controller over base::work_queue, shaped like the Controller and Result of
// controller-runtime. Level-triggered: a key says which object to reconcile, never what changed.
// The owner awaits run() in a task group. Thread: one loop.

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "aio/aio.hpp"
#include "base/clock.hpp"
#include "base/work_queue.hpp"

namespace aio {

// The result of a successful reconcile: the delay until the key is reconciled again, or nullopt to
// wait for the next add().
using requeue_after = std::optional<std::chrono::nanoseconds>;

struct keyed_workers_options {
    std::size_t workers_max = 16;
    // The loop runs on_turn at least once per period, even if no key is due.
    std::chrono::nanoseconds turn_period = std::chrono::seconds(5);
    base::work_queue_options retry{};
    // Runs at each turn of the loop: for liveness and metrics. May be null.
    std::function<void()> on_turn{};
    // Runs after each failure other than cancelled, before the key is requeued. May be null.
    std::function<void(const std::string& key, const base::failure&)> on_failure{};
};

class keyed_workers {
  public:
    // Brings one object closer to its desired state.
    using reconcile_function = std::move_only_function<task<requeue_after>(std::string key)>;

    // Precondition: `clock` and everything that `reconcile` refers to outlive the object.
    keyed_workers(aio::executor executor, const base::clock& clock, keyed_workers_options options,
                  reconcile_function reconcile);

    // Enqueues the key. If a worker is processing the key, the key is processed again afterwards.
    void add(const std::string& key);
    void add_after(const std::string& key, std::chrono::nanoseconds delay);
    // Resets the retry backoff of the key, for example because its object was deleted.
    void forget_failures(const std::string& key);

    // Reconciles queued keys, at most workers_max at the same time and one worker per key. Retries
    // a failed key with backoff; a success resets the backoff. When cancelled, cancels the workers
    // and awaits their end. Errors: cancelled (always).
    task<> run();

    [[nodiscard]] bool is_processing(const std::string& key) const {
        return queue_.is_processing(key);
    }
    [[nodiscard]] std::size_t queued() const noexcept { return queue_.queued(); }
    [[nodiscard]] std::size_t processing() const noexcept { return queue_.processing(); }

  private:
    task<> work_on(std::string key);
    void start_workers(base::steady_time now);
    [[nodiscard]] std::chrono::nanoseconds time_to_next_turn(base::steady_time now) const;

    const base::clock& clock_;
    keyed_workers_options options_;
    reconcile_function reconcile_;
    base::work_queue queue_;
    notification queue_changed_;
    task_group workers_;
};

}  // namespace aio
