#include "base/ip_network.hpp"

#include <gtest/gtest.h>

namespace {

TEST(ip_network, parses_addresses_and_prints_the_shortest_spelling) {
    for (const auto* text : {"10.0.0.7", "2001:db8::1", "::1", "0.0.0.0"}) {
        const auto address = base::parse_ip_address(text);
        ASSERT_TRUE(address) << text;
        EXPECT_EQ(base::to_text(*address), text);
    }
    EXPECT_EQ(base::parse_ip_address("::ffff:10.0.0.7"), base::parse_ip_address("10.0.0.7"));
    EXPECT_EQ(base::parse_ip_address("[::1]"), base::parse_ip_address("::1"));
    EXPECT_EQ(base::parse_ip_address("fe80::1%eth0"), base::parse_ip_address("fe80::1"));
}

TEST(ip_network, rejects_other_texts) {
    for (const auto* text : {"", "10.0.0", "10.0.0.256", "10.0.0.7:80", "localhost",
                             "::1::", "unknown", "_hidden", "10.0.0.0/8"}) {
        EXPECT_FALSE(base::parse_ip_address(text)) << text;
    }
    for (const auto* text : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "::/129",
                             "2001:db8::1/32", "10.0.0.0/-1", "10.0.0.0/8x"}) {
        EXPECT_FALSE(base::parse_ip_network(text)) << text;
    }
}

TEST(ip_network, contains_the_addresses_with_its_prefix) {
    struct row {
        const char* network;
        const char* address;
        bool expected;
    };
    for (const auto& [network, address, expected] :
         {row{"10.0.0.0/8", "10.255.1.2", true}, row{"10.0.0.0/8", "11.0.0.0", false},
          row{"10.0.0.0/8", "::ffff:10.1.1.1", true}, row{"10.1.2.4/30", "10.1.2.7", true},
          row{"10.1.2.4/30", "10.1.2.8", false}, row{"10.1.2.3", "10.1.2.3", true},
          row{"10.1.2.3", "10.1.2.2", false}, row{"0.0.0.0/0", "192.0.2.1", true},
          row{"0.0.0.0/0", "2001:db8::1", false}, row{"::/0", "192.0.2.1", true},
          row{"2001:db8::/33", "2001:db8:7fff::1", true},
          row{"2001:db8::/33", "2001:db8:8000::1", false}}) {
        EXPECT_EQ(base::parse_ip_network(network)->contains(*base::parse_ip_address(address)),
                  expected)
            << network << " " << address;
    }
}

}  // namespace
