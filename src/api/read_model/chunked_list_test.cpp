#include "api/read_model/chunked_list.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <span>

namespace api {
namespace {

struct pair_less {
    bool operator()(const std::pair<int, int>& a, const std::pair<int, int>& b) const {
        return a.first < b.first;
    }
};
// Keeps the keys of the values.
struct key_column {
    void insert(std::size_t index, const std::pair<int, int>& value) {
        keys.insert(keys.begin() + static_cast<std::ptrdiff_t>(index), value.first);
    }
    void erase(std::size_t index) { keys.erase(keys.begin() + static_cast<std::ptrdiff_t>(index)); }
    key_column split(std::size_t index) {
        const auto start = keys.begin() + static_cast<std::ptrdiff_t>(index);
        key_column rest{.keys = std::vector<int>(start, keys.end())};
        keys.erase(start, keys.end());
        return rest;
    }
    void append(const key_column& other) {
        keys.insert(keys.end(), other.keys.begin(), other.keys.end());
    }
    std::vector<int> keys{};
};
using list = chunked_list<std::pair<int, int>, pair_less, key_column>;

std::vector<int> keys(const list& source) {
    std::vector<int> all;
    for (const auto& [key, value] : source) all.push_back(key);
    source.for_each_chunk([](std::span<const std::pair<int, int>> values, const auto& column) {
        EXPECT_TRUE(std::ranges::equal(values, column.keys, {}, &std::pair<int, int>::first));
    });
    return all;
}

TEST(chunked_list, equals_an_ordered_set_after_random_changes) {
    std::mt19937 random(7);
    list now;
    std::set<int> model;
    list snapshot;  // an earlier version
    std::vector<int> snapshot_keys;
    for (int step = 0; step < 20'000; ++step) {
        // The list grows to thousands of values, then shrinks to none.
        const bool grows = step < 10'000 ? random() % 4 != 0 : random() % 4 == 0;
        const int key = static_cast<int>(random() % 5000);
        if (grows) {
            now.put({key, step});
            model.insert(key);
        } else {
            now.erase({key, 0});
            model.erase(key);
        }
        ASSERT_EQ(now.size(), model.size());
        if (step % 500 != 0) continue;
        ASSERT_EQ(keys(snapshot), snapshot_keys);
        snapshot = now;
        snapshot_keys = keys(now);
        ASSERT_EQ(keys(now), std::vector<int>(model.begin(), model.end()));
        const auto entry =
            now.partition_point([&](const auto& value) { return value.first < key; });
        const auto expected = model.lower_bound(key);
        ASSERT_EQ(entry == now.end(), expected == model.end());
        if (expected != model.end()) {
            ASSERT_EQ(entry->first, *expected);
        }
    }
}

TEST(chunked_list, keeps_versions_independent) {
    list first;
    for (int key = 0; key < 1000; ++key) first.put({key, 0});
    list second = first;
    second.put({500, 1});
    second.erase({0, 0});
    EXPECT_EQ(first.size(), 1000U);
    EXPECT_EQ(first.begin()->first, 0);
    EXPECT_EQ(second.size(), 999U);
    const auto at_500 = [](const list& version) {
        return version.partition_point([](const auto& value) { return value.first < 500; })->second;
    };
    EXPECT_EQ(at_500(first), 0);
    EXPECT_EQ(at_500(second), 1);
}

TEST(chunked_list, iterates_backwards) {
    list all;
    for (int key = 0; key < 700; ++key) all.put({key, 0});
    int expected = 700;
    for (auto it = all.end(); it != all.begin();) EXPECT_EQ((--it)->first, --expected);
    EXPECT_EQ(expected, 0);
}

}  // namespace
}  // namespace api
