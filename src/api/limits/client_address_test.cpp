#include "api/limits/client_address.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace {

struct row {
    const char* condition;
    std::string peer;
    std::vector<std::string> forwarded;
    std::string expected;
};

TEST(client_address, follows_trusted_proxies_from_the_right) {
    const std::vector trusted{*base::parse_ip_network("10.0.0.0/8"),
                              *base::parse_ip_network("2001:db8:1::/48")};
    const std::vector<row> table{
        {"no proxy", "192.0.2.1:5000", {}, "192.0.2.1"},
        {"a client that claims another address", "192.0.2.1:5000", {"198.51.100.1"}, "192.0.2.1"},
        {"one proxy", "10.0.0.1:5000", {"198.51.100.1"}, "198.51.100.1"},
        {"a forged entry in front", "10.0.0.1:5000", {"1.1.1.1, 198.51.100.1"}, "198.51.100.1"},
        {"two proxies", "10.0.0.1:5000", {"198.51.100.1,10.0.0.2"}, "198.51.100.1"},
        {"two headers", "10.0.0.1:5000", {"1.1.1.1", "198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
        {"proxies alone", "10.0.0.1:5000", {"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
        {"no header", "10.0.0.1:5000", {}, "10.0.0.1"},
        {"a text that is no address", "10.0.0.1:5000", {"9.9.9.9, unknown, 10.0.0.2"}, "10.0.0.2"},
        {"entries with ports", "10.0.0.1:5000", {"198.51.100.1:80"}, "198.51.100.1"},
        {"IPv6", "[2001:db8:1::1]:80", {"[2001:db8:9::1]:4711"}, "2001:db8:9::1"},
        {"IPv6 without brackets", "2001:db8:9::7:80", {"1.1.1.1"}, "2001:db8:9::7"},
        {"line breaks", "10.0.0.1:5000", {"1.1.1.1\r\nevent: x"}, "10.0.0.1"},
    };
    for (const auto& [condition, peer, forwarded, expected] : table) {
        http::request request{.peer = peer};
        for (const auto& value : forwarded) request.headers.add("x-forwarded-for", value);
        EXPECT_EQ(api::client_address(request, trusted), expected) << condition;
    }
}

TEST(client_address, ignores_the_header_without_trusted_proxies) {
    http::request request{.headers = {{"X-Forwarded-For", "198.51.100.1"}},
                          .peer = "10.0.0.1:5000"};
    EXPECT_EQ(api::client_address(request, {}), "10.0.0.1");
}

TEST(client_network, joins_the_addresses_that_one_client_can_choose) {
    EXPECT_EQ(api::client_network("192.0.2.1"), "192.0.2.1");
    EXPECT_EQ(api::client_network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    EXPECT_EQ(api::client_network("pipe"), "pipe");
}

}  // namespace
