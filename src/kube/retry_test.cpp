#include "kube/retry.hpp"

#include <gtest/gtest.h>

#include <set>

namespace kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

milliseconds first_wait(std::uint64_t seed, std::optional<seconds> asked_for) {
    aio::backoff waits({.first = milliseconds(100), .max = seconds(10)}, seed);
    return wait_before_retry(waits, {.retry_after = asked_for}, seconds(10));
}

TEST(a_retry, comes_no_sooner_than_the_server_asks_but_within_reason) {
    EXPECT_GE(first_wait(1, seconds(3)), seconds(3));
    EXPECT_LE(first_wait(1, seconds(3)), milliseconds(3200));
    EXPECT_LE(first_wait(1, seconds(3600)), milliseconds(10200));
    EXPECT_GE(first_wait(1, std::nullopt), milliseconds(100));
    EXPECT_LE(first_wait(1, std::nullopt), milliseconds(200));
}

// The server throttles many calls at once with the same Retry-After.
TEST(a_retry, does_not_come_together_with_the_others) {
    std::set<milliseconds> waits;
    for (std::uint64_t seed = 1; seed <= 32; ++seed) waits.insert(first_wait(seed, seconds(1)));
    EXPECT_GT(waits.size(), 10U);
}

}  // namespace
}  // namespace kube
