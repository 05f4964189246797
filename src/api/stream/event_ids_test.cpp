#include "api/stream/event_ids.hpp"

#include <gtest/gtest.h>

#include <set>

namespace {

TEST(event_ids, open_what_they_sealed) {
    const api::event_ids ids;
    for (const std::uint64_t number :
         {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{58}, UINT64_MAX}) {
        const auto id = ids.seal(number);
        EXPECT_EQ(ids.open(id), number);
        EXPECT_FALSE(id.contains('-')) << id;
    }
}

TEST(event_ids, do_not_reveal_whether_two_numbers_are_the_same) {
    const api::event_ids ids;
    std::set<std::string> seen;
    for (int i = 0; i < 100; ++i) {
        EXPECT_TRUE(seen.insert(ids.seal(7)).second);
        EXPECT_FALSE(seen.rbegin()->contains("0000000000000007"));
    }
}

TEST(event_ids, reject_changed_and_foreign_ones) {
    const api::event_ids ids;
    const auto id = ids.seal(7);
    for (std::size_t i = 0; i < id.size(); ++i) {
        auto changed = id;
        changed[i] = changed[i] == 'a' ? 'b' : 'a';
        EXPECT_FALSE(ids.open(changed)) << changed;
    }
    for (const auto& other : {std::string(), id.substr(1), id + "0", std::string("another-5"),
                              api::event_ids().seal(7)}) {
        EXPECT_FALSE(ids.open(other)) << other;
    }
}

}  // namespace
