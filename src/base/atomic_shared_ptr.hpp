#pragma once
// A place where one thread puts immutable values and any thread takes the present one.
// std::atomic<std::shared_ptr> is meant for this; libstdc++ 12's gives its lock bit back with
// relaxed order after a load, so that the next store may overtake the load's reads (a data race to
// the letter of C++ and to ThreadSanitizer). This is the same lock bit with the right order.

#include <atomic>
#include <memory>
#include <thread>

namespace base {

template <class T>
class atomic_shared_ptr {
  public:
    [[nodiscard]] std::shared_ptr<T> load() const noexcept {
        const holder held(busy_);
        return value_;
    }
    // What was there before is given up outside of the lock: it may be large.
    void store(std::shared_ptr<T> next) noexcept {
        const holder held(busy_);
        value_.swap(next);
    }

  private:
    // Held for the copy of two words and a count; nobody waits for anything meanwhile.
    class holder {
      public:
        explicit holder(std::atomic_flag& busy) noexcept : busy_(busy) {
            while (busy_.test_and_set(std::memory_order_acquire)) {
                while (busy_.test(std::memory_order_relaxed)) std::this_thread::yield();
            }
        }
        ~holder() { busy_.clear(std::memory_order_release); }
        holder(const holder&) = delete;
        holder& operator=(const holder&) = delete;

      private:
        std::atomic_flag& busy_;
    };
    mutable std::atomic_flag busy_;
    std::shared_ptr<T> value_;
};

}  // namespace base
