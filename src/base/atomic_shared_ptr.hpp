#pragma once
// Publishes immutable values from one thread to all threads. Replaces std::atomic<std::shared_ptr>:
// the load() of libstdc++ 12 releases its lock bit with relaxed order, so the next store may
// overtake the reads of the load. The C++ standard and ThreadSanitizer call that a data race. This
// class has the same lock bit with acquire and release order.

#include <atomic>
#include <memory>
#include <thread>

namespace base {

template <class T>
class atomic_shared_ptr {
  public:
    [[nodiscard]] std::shared_ptr<T> load() const noexcept {
        const spin_lock lock(busy_);
        return value_;
    }
    // Destroys the previous value outside of the lock, because the value may be large.
    void store(std::shared_ptr<T> next) noexcept {
        const spin_lock lock(busy_);
        value_.swap(next);
    }

  private:
    // The holder copies two words and a count, and never waits while it has the lock.
    class spin_lock {
      public:
        explicit spin_lock(std::atomic_flag& busy) noexcept : busy_(busy) {
            while (busy_.test_and_set(std::memory_order_acquire)) {
                while (busy_.test(std::memory_order_relaxed)) std::this_thread::yield();
            }
        }
        ~spin_lock() { busy_.clear(std::memory_order_release); }
        spin_lock(const spin_lock&) = delete;
        spin_lock& operator=(const spin_lock&) = delete;

      private:
        std::atomic_flag& busy_;
    };
    mutable std::atomic_flag busy_;
    std::shared_ptr<T> value_;
};

}  // namespace base
