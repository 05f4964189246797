#include "redis/slot_map.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace redis {
namespace {

resp_value parsed(std::string_view bytes) {
    resp_parser parser;
    parser.add(bytes);
    auto value = parser.next();
    EXPECT_TRUE(value && *value);
    return value && *value ? std::move(**value) : resp_value{};
}
const endpoint source{"10.0.0.9", 7000};

TEST(slot_of, equals_the_slots_of_redis) {
    // From CLUSTER KEYSLOT of Redis 7.0, and the check value of the CRC16.
    EXPECT_EQ(crc16("123456789"), 0x31c3);
    EXPECT_EQ(slot_of("foo"), 12182);
    EXPECT_EQ(slot_of("somekey"), 11058);
    EXPECT_EQ(slot_of(""), 0);
}

TEST(slot_of, hashes_the_text_in_the_first_braces) {
    EXPECT_EQ(slot_of("foo{hash_tag}"), 2515);
    EXPECT_EQ(slot_of("{user1000}.following"), slot_of("{user1000}.followers"));
    EXPECT_EQ(slot_of("foo{}{bar}"), crc16("foo{}{bar}") % slot_count);
    EXPECT_EQ(slot_of("foo{{bar}}zap"), crc16("{bar") % slot_count);
    EXPECT_EQ(slot_of("foo{bar}{zap}"), slot_of("bar"));
    EXPECT_EQ(slot_of("foo{bar"), crc16("foo{bar") % slot_count);
}

TEST(slot_map, has_no_master_for_an_unassigned_slot) {
    slot_map map;
    EXPECT_EQ(map.master_of(0), nullptr);
    map.assign(0, source);
    map.assign(slot_count, source);
    EXPECT_EQ(*map.master_of(0), source);
    EXPECT_EQ(map.master_of(1), nullptr);
    EXPECT_EQ(map.master_of(slot_count), nullptr);
    EXPECT_EQ(map.covered(), 1U);
}

TEST(slot_map, reads_cluster_slots) {
    const auto map =
        read_slots(parsed("*3\r\n"
                          "*4\r\n:0\r\n:99\r\n*3\r\n$1\r\na\r\n:1\r\n$2\r\nid\r\n*3\r\n$1\r\nr\r\n:"
                          "2\r\n$1\r\nx\r\n"
                          "*3\r\n:100\r\n:16382\r\n*2\r\n$0\r\n\r\n:3\r\n"
                          "*3\r\n:16383\r\n:16383\r\n*4\r\n$1\r\n?\r\n:4\r\n$2\r\nid\r\n*0\r\n"),
                   source);
    ASSERT_TRUE(map) << map.error().text;
    EXPECT_EQ(*map->master_of(0), (endpoint{"a", 1}));
    EXPECT_EQ(*map->master_of(99), (endpoint{"a", 1}));
    EXPECT_EQ(*map->master_of(100), (endpoint{"10.0.0.9", 3}));  // an empty host: the source
    EXPECT_EQ(*map->master_of(16383), (endpoint{"10.0.0.9", 4}));
    EXPECT_EQ(map->covered(), slot_count);
    EXPECT_EQ(map->masters().size(), 3U);
}

TEST(slot_map, reads_cluster_shards_and_prefers_the_online_master) {
    const auto node = [](std::string_view host, int port, std::string_view role,
                         std::string_view health) {
        return fmt::format(
            "*10\r\n+id\r\n+x\r\n+port\r\n:{}\r\n+endpoint\r\n+{}\r\n+role\r\n+{}\r\n+health\r\n+{}"
            "\r\n",
            port, host, role, health);
    };
    const auto shards =
        parsed("*2\r\n%2\r\n+slots\r\n*4\r\n:0\r\n:1\r\n:5\r\n:6\r\n+nodes\r\n*3\r\n" +
               node("a", 1, "master", "fail") + node("b", 2, "master", "online") +
               node("c", 3, "replica", "online") + "%2\r\n+slots\r\n*0\r\n+nodes\r\n*1\r\n" +
               node("d", 4, "master", "online"));
    const auto map = read_shards(shards, source, false);
    ASSERT_TRUE(map) << map.error().text;
    EXPECT_EQ(*map->master_of(0), (endpoint{"b", 2}));
    EXPECT_EQ(*map->master_of(6), (endpoint{"b", 2}));
    EXPECT_EQ(map->covered(), 4U);
    const auto secure = read_shards(shards, source, true);  // no node has a TLS port
    ASSERT_TRUE(secure);
    EXPECT_EQ(secure->covered(), 0U);
}

TEST(slot_map, rejects_other_responses) {
    for (const auto* bytes :
         {"+OK\r\n", "*1\r\n:1\r\n", "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n+a\r\n:1\r\n",
          "*1\r\n*3\r\n:5\r\n:4\r\n*2\r\n+a\r\n:1\r\n",
          "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n+a\r\n:0\r\n", "*1\r\n*3\r\n:0\r\n:1\r\n*0\r\n"}) {
        EXPECT_EQ(read_slots(parsed(bytes), source).error().code, base::errc::corrupt) << bytes;
    }
    for (const auto* bytes :
         {"+OK\r\n", "*1\r\n:1\r\n", "*1\r\n%2\r\n+slots\r\n*1\r\n:1\r\n+nodes\r\n*0\r\n"}) {
        EXPECT_EQ(read_shards(parsed(bytes), source, false).error().code, base::errc::corrupt);
    }
}

}  // namespace
}  // namespace redis
