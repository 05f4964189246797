#include "base/failure.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/secret.hpp"

namespace base {
namespace {

TEST(failure, puts_outer_context_first) {
    outcome<int> inner = fail(errc::unavailable, "connection refused", "refused");
    const outcome<int> outer = pass(std::move(inner), "scrape shop/orders");
    EXPECT_EQ(outer.error().text, "scrape shop/orders: connection refused");
    EXPECT_EQ(outer.error().reason, "refused");
    EXPECT_TRUE(outer.error().retryable());
}

TEST(failure, pass_converts_a_failure_and_leaves_a_named_result_intact) {
    const outcome<int> inner = fail(errc::limit, "too many streams", "streams_max");
    const outcome<std::string> outer = pass(inner);
    const outcome<std::string> with_context = pass(inner, "open");
    EXPECT_EQ(outer.error().text, "too many streams");
    EXPECT_EQ(with_context.error().text, "open: too many streams");
    EXPECT_EQ(with_context.error().reason, "streams_max");
    EXPECT_EQ(inner.error().text, "too many streams");
}

TEST(failure, ok_is_a_success) {
    EXPECT_TRUE(ok().has_value());
}

TEST(failure, has_a_distinct_name_for_every_code) {
    std::set<std::string_view> names;
    for (int code = 0; code <= int(errc::internal); ++code)
        names.insert(name(static_cast<errc>(code)));
    EXPECT_EQ(names.size(), std::size_t(errc::internal) + 1);
}

TEST(secret, is_empty_after_a_move) {
    secret first("hunter2");
    const secret second(std::move(first));
    EXPECT_EQ(second.reveal(), "hunter2");
    EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): that is what is tested
    secret third;
    third = second;
    EXPECT_EQ(third, second);
}

}  // namespace
}  // namespace base
