#include "base/random_id.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace base {
namespace {

TEST(random_id, has_the_prefix_the_length_and_the_alphabet) {
    const auto id = random_id("db-");
    ASSERT_EQ(id.size(), 15U);
    EXPECT_TRUE(id.starts_with("db-"));
    EXPECT_TRUE(std::ranges::all_of(
        id.substr(3), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '2' && c <= '7'); }));
    EXPECT_EQ(random_id("x", 3000).size(), 3001U);  // more than one fetch from the kernel
}

TEST(random_id, is_unique_across_threads) {
    std::set<std::string> seen;
    std::mutex mutex;
    std::vector<std::jthread> threads;
    threads.reserve(4);
    for (int thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&] {
            for (int i = 0; i < 1000; ++i) {
                auto id = random_id("");
                const std::lock_guard lock(mutex);
                seen.insert(std::move(id));
            }
        });
    }
    threads.clear();
    EXPECT_EQ(seen.size(), 4000U);
}

}  // namespace
}  // namespace base
