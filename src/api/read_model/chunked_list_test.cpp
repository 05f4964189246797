#include "api/read_model/chunked_list.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace api {
namespace {

struct pair_less {
    bool operator()(const std::pair<int, int>& a, const std::pair<int, int>& b) const {
        return a.first < b.first;
    }
};
using list = chunked_list<std::pair<int, int>, pair_less>;

std::vector<int> keys(const list& from) {
    std::vector<int> all;
    for (const auto& [key, value] : from) all.push_back(key);
    return all;
}

TEST(chunked_list, is_a_set_in_order_whatever_is_done_to_it) {
    std::mt19937 random(7);
    list now;
    std::set<int> model;
    for (int step = 0; step < 20'000; ++step) {
        // Grows to some thousands, then shrinks to nothing.
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
        ASSERT_EQ(keys(now), std::vector<int>(model.begin(), model.end()));
        const auto from = now.partition_point([&](const auto& each) { return each.first < key; });
        const auto expected = model.lower_bound(key);
        ASSERT_EQ(from == now.end(), expected == model.end());
        if (expected != model.end()) {
            ASSERT_EQ(from->first, *expected);
        }
    }
}

TEST(chunked_list, versions_do_not_see_each_other) {
    list first;
    for (int key = 0; key < 1000; ++key) first.put({key, 0});
    list second = first;
    second.put({500, 1});
    second.erase({0, 0});
    EXPECT_EQ(first.size(), 1000U);
    EXPECT_EQ(first.begin()->first, 0);
    EXPECT_EQ(second.size(), 999U);
    const auto at_500 = [](const list& of) {
        return of.partition_point([](const auto& each) { return each.first < 500; })->second;
    };
    EXPECT_EQ(at_500(first), 0);
    EXPECT_EQ(at_500(second), 1);
}

TEST(chunked_list, is_walked_backwards) {
    list all;
    for (int key = 0; key < 700; ++key) all.put({key, 0});
    int expected = 700;
    for (auto at = all.end(); at != all.begin();) EXPECT_EQ((--at)->first, --expected);
    EXPECT_EQ(expected, 0);
}

}  // namespace
}  // namespace api
