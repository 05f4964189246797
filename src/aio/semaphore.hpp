#pragma once
// Limits how many tasks hold a permit at the same time. Waiting tasks receive permits in the order
// of their calls. One loop.

#include <cstddef>
#include <list>
#include <utility>

#include "aio/aio.hpp"

namespace aio {

class semaphore {
  public:
    semaphore(aio::executor executor, std::size_t permits_max);
    semaphore(const semaphore&) = delete;
    semaphore& operator=(const semaphore&) = delete;

    // Gives its permit to the next waiting task when it is destroyed. The semaphore must outlive
    // it.
    class permit {
      public:
        explicit permit(semaphore& owner) : owner_(&owner) {}
        permit(permit&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
        permit& operator=(permit&&) = delete;
        ~permit() {
            if (owner_ != nullptr) owner_->release();
        }

      private:
        semaphore* owner_;
    };

    // Waits for a permit. A cancelled task leaves the queue, and passes on a permit that it has
    // received at the same time. Errors: cancelled.
    task<permit> acquire();

    // Returns the number of tasks that wait.
    [[nodiscard]] std::size_t waiting() const noexcept;
    // Returns whether no task waits or holds a permit.
    [[nodiscard]] bool is_idle() const noexcept { return free_ == max_ && waiters_.empty(); }

  private:
    struct waiter {
        explicit waiter(const aio::executor& executor) : granted(executor) {}
        aio::notification granted;
        bool has_permit = false;
    };
    void release();

    aio::executor executor_;
    std::size_t max_;
    std::size_t free_;
    std::list<waiter> waiters_;  // a task is in it until it has resumed
};

}  // namespace aio
