#include "redis/redis_url.hpp"

#include <gtest/gtest.h>

namespace redis {

TEST(redis_url, reads_host_port_credentials_and_database) {
    const auto url = parse_redis_url("redis://ann:p%40ss%3A%2F@cache.example:7000/3");
    ASSERT_TRUE(url) << url.error().text;
    EXPECT_EQ(url->servers, (std::vector<endpoint>{{"cache.example", 7000}}));
    EXPECT_EQ(url->user, "ann");
    EXPECT_EQ(url->password.reveal(), "p@ss:/");
    EXPECT_EQ(url->database, 3U);
    EXPECT_FALSE(url->is_secure);
    EXPECT_EQ(url->masked(), "redis://cache.example:7000/3");
}

TEST(redis_url, uses_the_default_port_and_user) {
    const auto url = parse_redis_url("rediss://:secret@10.0.0.1");
    ASSERT_TRUE(url) << url.error().text;
    EXPECT_EQ(url->servers, (std::vector<endpoint>{{"10.0.0.1", 6379}}));
    EXPECT_EQ(url->user, "");
    EXPECT_EQ(url->password.reveal(), "secret");
    EXPECT_TRUE(url->is_secure);
}

TEST(redis_url, reads_several_servers_and_ipv6_addresses) {
    const auto url = parse_redis_url("redis://[::1]:7001,b,[fd00::2]/");
    ASSERT_TRUE(url) << url.error().text;
    EXPECT_EQ(url->servers, (std::vector<endpoint>{{"::1", 7001}, {"b", 6379}, {"fd00::2", 6379}}));
    EXPECT_EQ(url->masked(), "redis://[::1]:7001,b:6379,[fd00::2]:6379");
}

TEST(redis_url, reads_sentinels_and_their_credentials) {
    const auto url = parse_redis_url(
        "redis+sentinel://u:p@s1,s2:26380/my%20master/2?sentinel_user=w&sentinel_password=x%26y");
    ASSERT_TRUE(url) << url.error().text;
    EXPECT_EQ(url->servers, (std::vector<endpoint>{{"s1", 26379}, {"s2", 26380}}));
    EXPECT_EQ(url->sentinel_master, "my master");
    EXPECT_EQ(url->database, 2U);
    EXPECT_EQ(url->sentinel_user, "w");
    EXPECT_EQ(url->sentinel_password.reveal(), "x&y");
}

TEST(redis_url, names_the_wrong_part_and_never_repeats_the_password) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"http://:hunter2@h", "must start with redis://"},
        {"redis://:hunter2@", "server 1 has no host"},
        {"redis://:hunter2@h:0", "port of server 1"},
        {"redis://:hunter2@h:65536", "port of server 1"},
        {"redis://h:hunter2", "port of server 1"},
        {"redis://:hunter2@a,b:x", "port of server 2"},
        {"redis://:hunter2@a,,c", "server 2 has no host"},
        {"redis://:hunter2@[::1", "without ']'"},
        {"redis://:hunter2@[::1]x", "between ']'"},
        {"redis://:hunter2@[local]", "no IPv6 address"},
        {"redis://:hunter2@::1", "no host"},
        {"redis://:hunter2@a b", "white space"},
        {"redis://:hunter2@h/x", "database must be a number"},
        {"redis://:hunter2@h/1/2", "database must be a number"},
        {"redis://:hunter2@h?x=1", "no parameters"},
        {"redis://:hunter2#@h", "'#' must be percent-encoded"},
        {"redis://:hun/ter2@h", "must be percent-encoded"},
        {"redis://:hunter2@x@h", "must be percent-encoded"},
        {"redis://hunter2@h", "'user:password' or ':password'"},
        {"redis://ann:@h", "the password is empty"},
        {"redis://:hunter2%zz@h", "password has an invalid percent escape"},
        {"redis+sentinel://:hunter2@h", "name of the master is missing"},
        {"redis+sentinel://h/m?password=hunter2", "only the parameters"},
        {"redis+sentinel://h/m?sentinel_user=hunter2", "requires sentinel_password"},
        {"", "must start with redis://"}};
    for (const auto& [text, message] : cases) {
        const auto url = parse_redis_url(text);
        ASSERT_FALSE(url) << text;
        EXPECT_EQ(url.error().code, base::errc::invalid);
        EXPECT_NE(url.error().text.find(message), std::string::npos) << url.error().text;
        EXPECT_EQ(url.error().text.find("hunter2"), std::string::npos) << url.error().text;
    }
}

}  // namespace redis
