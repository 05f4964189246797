#include "http/message.hpp"

#include <gtest/gtest.h>

namespace http {
namespace {

TEST(headers, finds_names_regardless_of_case) {
    headers all{{"Content-Type", "text/plain"}, {"X-A", "1"}};
    all.add("x-a", "2");
    EXPECT_EQ(all.get("content-type"), "text/plain");
    EXPECT_EQ(all.get("X-a"), "1");
    EXPECT_FALSE(all.has("X-B"));
    EXPECT_EQ(all.get("X-B"), "");
    all.set("X-A", "3");
    EXPECT_EQ(all.items().size(), 2u);
    all.erase("CONTENT-TYPE");
    EXPECT_FALSE(all.has("Content-Type"));
}

TEST(body, joins_its_parts_in_order) {
    body parts(std::make_shared<const std::string>("{\"age\":}"));
    parts.split_at = 7;
    parts.middle = "12";
    parts.after = "\n";
    EXPECT_EQ(parts.to_string(), "{\"age\":12}\n");
    EXPECT_EQ(parts.size(), parts.to_string().size());
    EXPECT_EQ(body(std::string("x")).to_string(), "x");
    EXPECT_EQ(body().size(), 0u);
}

TEST(request, splits_its_target) {
    request incoming;
    incoming.target = "/a/b?x=1?2";
    EXPECT_EQ(incoming.path(), "/a/b");
    EXPECT_EQ(incoming.query(), "x=1?2");
    incoming.target = "/a";
    EXPECT_EQ(incoming.path(), "/a");
    EXPECT_EQ(incoming.query(), "");
}

TEST(method, has_the_protocol_names) {
    EXPECT_EQ(name(method::get), "GET");
    EXPECT_EQ(name(method::del), "DELETE");
    EXPECT_EQ(name(method::options), "OPTIONS");
}

TEST(decode_percent, decodes_utf8) {
    EXPECT_EQ(decode_percent("a%20b%C3%A9+", false), "a b\xC3\xA9+");
    EXPECT_EQ(decode_percent("a+b", true), "a b");
    EXPECT_EQ(decode_percent("", false), "");
}

TEST(decode_percent, rejects_broken_escapes_nul_and_bad_utf8) {
    for (const char* text : {"%", "%2", "%zz", "a%00b", "%FF", "%C3", "%C0%80", "%ED%A0%80",
                             "%E2%82", "%F5%80%80%80", "%F0%80%80%80"}) {
        EXPECT_EQ(decode_percent(text, false), std::nullopt) << text;
    }
}

TEST(decode_unreserved, leaves_other_and_broken_escapes_unchanged) {
    EXPECT_EQ(decode_unreserved("/%64ata%2Dbases/%7e"), "/data-bases/~");
    EXPECT_EQ(decode_unreserved("/a%2Fb%20%C3%A9%"), "/a%2Fb%20%C3%A9%");
    EXPECT_EQ(decode_unreserved("%6"), "%6");
    EXPECT_EQ(decode_unreserved("%6g"), "%6g");
    EXPECT_EQ(decode_unreserved("%2564"), "%2564");
}

TEST(encode_percent, round_trips_through_decode) {
    const std::string text = "p@ss/w:rd?&=+ %~\xC3\xA9";
    EXPECT_EQ(encode_percent(text), "p%40ss%2Fw%3Ard%3F%26%3D%2B%20%25~%C3%A9");
    EXPECT_EQ(decode_percent(encode_percent(text), true), text);
}

TEST(parse_query, keeps_order_and_repetition) {
    const auto items = parse_query("label=a%3Db&label=c&&empty=&bare");
    ASSERT_TRUE(items);
    ASSERT_EQ(items->size(), 4u);
    EXPECT_EQ((*items)[0].value, "a=b");
    EXPECT_EQ((*items)[1].name, "label");
    EXPECT_EQ((*items)[2].value, "");
    EXPECT_EQ((*items)[3].name, "bare");
    EXPECT_TRUE(parse_query("")->empty());
}

TEST(parse_query, rejects_broken_escapes) {
    EXPECT_EQ(parse_query("a=%G1").error().code, base::errc::invalid);
    EXPECT_EQ(parse_query("%=1").error().code, base::errc::invalid);
}

TEST(parse_entity_tags, reads_one_or_several) {
    using tags = std::vector<http::entity_tag>;
    EXPECT_EQ(http::parse_entity_tags("\"5-17\""), (tags{{false, "5-17"}}));
    EXPECT_EQ(http::parse_entity_tags("W/\"a\" ,\t\"\", \"c,d\""),
              (tags{{true, "a"}, {false, ""}, {false, "c,d"}}));
    for (const auto* bad : {"", "5", "\"5", "w/\"5\"", "\"5\" \"6\"", "\"5\",", "\"a b\"", "*"}) {
        EXPECT_FALSE(http::parse_entity_tags(bad)) << bad;
    }
}

TEST(parse_host_port, removes_the_brackets_of_ipv6) {
    EXPECT_EQ(parse_host_port("[fd00::7]:5432")->host, "fd00::7");
    EXPECT_EQ(parse_host_port("[fd00::7]:5432")->port, 5432);
    EXPECT_EQ(parse_host_port("db.example")->host, "db.example");
    EXPECT_EQ(parse_host_port("db.example")->port, std::nullopt);
    for (const auto* text : {"", ":1", "h:", "h:0", "h:65536", "h:1:2", "[::1", "[]:1", "[::1]1",
                             "[g::]:1", "user@h:1", "a b"}) {
        EXPECT_FALSE(parse_host_port(text)) << text;
    }
}

TEST(parse_url, knows_default_ports_and_ipv6) {
    const auto plain = parse_url("http://127.0.0.1:8001/base/");
    ASSERT_TRUE(plain);
    EXPECT_FALSE(plain->secure);
    EXPECT_EQ(plain->host, "127.0.0.1");
    EXPECT_EQ(plain->port, 8001);
    EXPECT_EQ(plain->path, "/base");
    const auto six = parse_url("https://[::1]");
    ASSERT_TRUE(six);
    EXPECT_EQ(six->host, "::1");
    EXPECT_EQ(six->port, 443);
    EXPECT_EQ(parse_url("https://[::1]:6443")->port, 6443);
    EXPECT_EQ(parse_url("http://db.example/")->path, "");
    EXPECT_TRUE(parse_url("HTTPS://db.example")->secure);
}

TEST(parse_url, rejects_unsupported_urls) {
    for (const char* text : {"", "ftp://a", "a", "http", "https:/a", "http://", "http://:80",
                             "http://a:", "http://a:0", "http://a:65536", "http://a:8x",
                             "http://a b", "http://user@host", "http://[::1", "http://[::1]x",
                             "http://[g]", "http://a/?q", "http://a/#f"}) {
        EXPECT_FALSE(parse_url(text)) << text;
    }
}

}  // namespace
}  // namespace http
