#include "base/fnv1a.hpp"

#include <gtest/gtest.h>

namespace {

// From the reference test vectors of the hash's authors.
TEST(fnv1a, matches_reference_vectors) {
    EXPECT_EQ(base::fnv1a(""), 0xcbf29ce484222325ULL);
    EXPECT_EQ(base::fnv1a("a"), 0xaf63dc4c8601ec8cULL);
    EXPECT_EQ(base::fnv1a("foobar"), 0x85944171f73967e8ULL);
    EXPECT_EQ(base::fnv1a("bar", base::fnv1a("foo")), base::fnv1a("foobar"));
}

}  // namespace
