#include "http/request_parser.hpp"

#include <gtest/gtest.h>

#include "http/gzip.hpp"

namespace {

using state = http::request_parser::state;

constexpr std::string_view whole =
    "POST /a?b=c HTTP/1.1\r\nHost: x\r\nX-One:  two words \r\nTransfer-Encoding: chunked\r\n\r\n"
    "3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n";

TEST(request_parser, reads_a_request_split_at_every_byte) {
    for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
        http::request_parser parser({});
        std::size_t used = 0;
        while (used < cut) used += parser.feed(whole.substr(used, cut - used));
        while (used < whole.size()) used += parser.feed(whole.substr(used));
        ASSERT_EQ(parser.now(), state::complete) << cut << ' ' << parser.why();
        const auto got = parser.take();
        EXPECT_EQ(got.body, "abc0123456789");
        EXPECT_EQ(got.headers.get("x-one"), "two words");
        EXPECT_EQ(got.path(), "/a");
    }
}

TEST(request_parser, reads_byte_by_byte_and_then_the_next_one) {
    http::request_parser parser({});
    const auto text = std::string(whole) + "GET / HTTP/1.1\r\nHost: y\r\n\r\n";
    int requests = 0;
    for (const char byte : text) {
        EXPECT_EQ(parser.feed({&byte, 1}), 1U);
        if (parser.now() == state::complete) {
            ++requests;
            parser.take();
        }
    }
    EXPECT_EQ(requests, 2);
}

TEST(request_parser, stops_at_the_end_of_a_request) {
    http::request_parser parser({});
    const std::string text = "GET / HTTP/1.1\r\nHost: y\r\n\r\nGET /2";
    EXPECT_EQ(parser.feed(text), text.size() - 6);
    EXPECT_EQ(parser.now(), state::complete);
}

TEST(request_parser, limits_hold_for_headers_that_trickle) {
    http::request_parser parser({.header_bytes_max = 100, .target_bytes_max = 50});
    std::string line = "GET / HTTP/1.1\r\nX: ";
    line.append(200, 'y');
    for (const char byte : line) {
        if (parser.now() == state::refused) break;
        parser.feed({&byte, 1});
    }
    EXPECT_EQ(parser.status(), 431U);
}

TEST(gzip, comes_back_and_is_bounded) {
    const std::string text(100'000, 'a');
    const auto packed = http::gzip(text);
    EXPECT_LT(packed.size(), 1000U);
    EXPECT_EQ(http::gunzip(packed, 200'000).value(), text);
    EXPECT_EQ(http::gunzip(packed, 50'000).error().code, base::errc::limit);
    EXPECT_EQ(http::gunzip(packed.substr(0, 50), 200'000).error().code, base::errc::corrupt);
    EXPECT_EQ(http::gunzip("plain", 200'000).error().code, base::errc::corrupt);
}

}  // namespace
