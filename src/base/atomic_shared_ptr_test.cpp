#include "base/atomic_shared_ptr.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace base {
namespace {

TEST(atomic_shared_ptr, is_empty_until_something_is_stored) {
    atomic_shared_ptr<const int> place;
    EXPECT_EQ(place.load(), nullptr);
    place.store(std::make_shared<const int>(7));
    EXPECT_EQ(*place.load(), 7);
}

TEST(atomic_shared_ptr, gives_up_what_was_there_before) {
    atomic_shared_ptr<const int> place;
    auto first = std::make_shared<const int>(1);
    const std::weak_ptr<const int> watched = first;
    place.store(std::move(first));
    place.store(std::make_shared<const int>(2));
    EXPECT_TRUE(watched.expired());
}

// Readers see whole values, and never an older one than before. ThreadSanitizer watches.
TEST(atomic_shared_ptr, is_read_while_it_is_replaced) {
    struct pair {
        int a;
        int b;
    };
    atomic_shared_ptr<const pair> place;
    place.store(std::make_shared<const pair>(0, 0));
    std::atomic<int> faults = 0;
    {
        std::vector<std::jthread> readers;
        for (int reader = 0; reader < 3; ++reader) {
            readers.emplace_back([&] {
                for (int last = 0; last < 2000;) {
                    const auto now = place.load();
                    if (now->a != now->b || now->a < last) ++faults;
                    last = now->a;
                }
            });
        }
        for (int value = 1; value <= 2000; ++value) {
            place.store(std::make_shared<const pair>(value, value));
        }
    }
    EXPECT_EQ(faults, 0);
}

}  // namespace
}  // namespace base
