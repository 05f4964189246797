#include "base/atomic_shared_ptr.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace base {
namespace {

TEST(atomic_shared_ptr, is_null_before_the_first_store) {
    atomic_shared_ptr<const int> published;
    EXPECT_EQ(published.load(), nullptr);
    published.store(std::make_shared<const int>(7));
    EXPECT_EQ(*published.load(), 7);
}

TEST(atomic_shared_ptr, releases_the_previous_value_on_store) {
    atomic_shared_ptr<const int> published;
    auto first = std::make_shared<const int>(1);
    const std::weak_ptr<const int> watched = first;
    published.store(std::move(first));
    published.store(std::make_shared<const int>(2));
    EXPECT_TRUE(watched.expired());
}

// Readers see whole values and never go back to an older one. ThreadSanitizer checks the rest.
TEST(atomic_shared_ptr, readers_see_whole_values_during_stores) {
    struct pair {
        int a;
        int b;
    };
    atomic_shared_ptr<const pair> published;
    published.store(std::make_shared<const pair>(0, 0));
    std::atomic<int> violations = 0;
    {
        std::vector<std::jthread> readers;
        readers.reserve(3);
        for (int reader = 0; reader < 3; ++reader) {
            readers.emplace_back([&] {
                for (int last = 0; last < 2000;) {
                    const auto now = published.load();
                    if (now->a != now->b || now->a < last) ++violations;
                    last = now->a;
                }
            });
        }
        for (int value = 1; value <= 2000; ++value) {
            published.store(std::make_shared<const pair>(value, value));
        }
    }
    EXPECT_EQ(violations, 0);
}

}  // namespace
}  // namespace base
