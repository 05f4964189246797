#include "api/middleware/allowed_hosts.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace api {
namespace {

TEST(is_allowed_host, compares_names_with_and_without_a_port) {
    const std::vector<std::string> allowed{"localhost", "127.0.0.1", "[::1]"};
    for (const auto* host :
         {"localhost", "localhost:8000", "LocalHost:1", "127.0.0.1:8000", "[::1]", "[::1]:8000"}) {
        EXPECT_TRUE(is_allowed_host(host, allowed)) << host;
    }
    for (const auto* host : {"", "evil.example", "evil.example:8000", "localhost.evil.example",
                             "127.0.0.1.evil.example", "[::1", "[::2]:8000", "::1"}) {
        EXPECT_FALSE(is_allowed_host(host, allowed)) << host;
    }
}

TEST(is_allowed_host, is_true_for_every_name_if_the_list_is_empty) {
    EXPECT_TRUE(is_allowed_host("anything.example", {}));
    EXPECT_TRUE(is_allowed_host("", {}));
}

}  // namespace
}  // namespace api
