#include "http/request_parser.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

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
        ASSERT_EQ(parser.now(), state::complete) << cut << ' ' << parser.detail();
        const auto request = parser.take();
        EXPECT_EQ(request.body, "abc0123456789");
        EXPECT_EQ(request.headers.get("x-one"), "two words");
        EXPECT_EQ(request.path(), "/a");
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

TEST(request_parser, stops_at_the_end_of_each_request) {
    http::request_parser parser({});
    const std::string text = "GET / HTTP/1.1\r\nHost: y\r\n\r\nGET /2";
    EXPECT_EQ(parser.feed(text), text.size() - 6);
    EXPECT_EQ(parser.now(), state::complete);
}

TEST(request_parser, enforces_limits_for_headers_in_pieces) {
    http::request_parser parser({.header_bytes_max = 100, .target_bytes_max = 50});
    std::string line = "GET / HTTP/1.1\r\nX: ";
    line.append(200, 'y');
    for (const char byte : line) {
        if (parser.now() == state::rejected) break;
        parser.feed({&byte, 1});
    }
    EXPECT_EQ(parser.status(), 431U);
}

TEST(request_parser, joins_repeated_cookies_as_one_header_of_cookies) {
    http::request_parser parser({});
    parser.feed(
        "GET / HTTP/1.1\r\nHost: x\r\nCookie: a=1,b=2\r\ncookie: c=3\r\nX: 1\r\nX: 2\r\n\r\n");
    ASSERT_EQ(parser.now(), state::complete);
    const auto request = parser.take();
    EXPECT_EQ(request.headers.get("Cookie"), "a=1,b=2; c=3");
    EXPECT_EQ(request.headers.get("X"), "1, 2");
}

struct refusal {
    unsigned status;
    std::string text;
};

// None of these may reach a handler, for any piece size.
std::vector<refusal> refusals() {
    const std::string get = "GET / HTTP/1.1\r\nHost: x\r\n";
    const std::string post = "POST / HTTP/1.1\r\nHost: x\r\n";
    const std::string chunked = post + "Transfer-Encoding: chunked\r\n\r\n";
    return {
        {400, "nonsense\r\n\r\n"},
        {400, "GET  HTTP/1.1\r\nHost: x\r\n\r\n"},
        {400, "GET  / HTTP/1.1\r\nHost: x\r\n\r\n"},
        {400, "GET / /x HTTP/1.1\r\nHost: x\r\n\r\n"},
        {400, " GET / HTTP/1.1\r\nHost: x\r\n\r\n"},
        {400, "G(T / HTTP/1.1\r\nHost: x\r\n\r\n"},
        {400, "GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n"},
        {400, "GET / http/1.1\r\nHost: x\r\n\r\n"},
        {400, "GET * HTTP/1.1\r\nHost: x\r\n\r\n"},
        {400, "GET x HTTP/1.1\r\nHost: x\r\n\r\n"},
        {400, "GET ftp://a/ HTTP/1.1\r\nHost: x\r\n\r\n"},
        {400, "GET http://u@a/ HTTP/1.1\r\nHost: x\r\n\r\n"},
        {400, "CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n"},
        {505, "GET / HTTP/2.0\r\nHost: x\r\n\r\n"},
        {505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n\r\n"},
        {400, get + "Host: y\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: x y\r\n\r\n"},
        {400, get + "Name : x\r\n\r\n"},
        {400, get + "no colon\r\n\r\n"},
        {400, get + ": empty\r\n\r\n"},
        {400, get + "A: b\r\n folded\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n Host: x\r\n\r\n"},
        {400, get + "A: b\nB: c\r\n\r\n"},
        {400, get + "A: b\rB: c\r\n\r\n"},
        {400, get + std::string("A: b\0c\r\n\r\n", 10)},
        {400, get + "A: \x7f\r\n\r\n"},
        {400, "GET / HTTP/1.1\nHost: x\n\n"},
        {400, "\r\n\r\n\r\n\r\n\r\n" + get},
        {400, post + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {400, post + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n"},
        {400, post + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n"},
        {400, post + "Content-Length: 1, 1\r\n\r\n"},
        {400, post + "Content-Length: -1\r\n\r\n"},
        {400, post + "Content-Length: +1\r\n\r\n"},
        {400, post + "Content-Length: 0x1\r\n\r\n"},
        {400, post + "Content-Length:\r\n\r\n"},
        {400, post + "Content-Length: 99999999999999999999\r\n\r\n"},
        {413, post + "Content-Length: 101\r\n\r\n"},
        {501, post + "Transfer-Encoding: gzip\r\n\r\n"},
        {501, post + "Transfer-Encoding: gzip, chunked\r\n\r\n"},
        {400, post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {400, chunked + "zz\r\n"},
        {400, chunked + "\r\n"},
        {400, chunked + "-1\r\n"},
        {400, chunked + "0x1\r\n"},
        {400, chunked + "1 \r\na\r\n"},
        {400, chunked + "1\na\r\n"},
        {400, chunked + "1;a\rb\r\na\r\n"},
        {400, chunked + "1\r\nab\r\n"},
        {400, chunked + "0000000000000001\r\n"},
        {400, chunked + "1;" + std::string(2000, 'x')},
        {400, chunked + "0\r\nnot a header\r\n"},
        {413, chunked + "65\r\n"},
        {413, chunked + "64\r\n" + std::string(100, 'x') + "\r\n1\r\n"},
        {414, "GET /" + std::string(300, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n"},
        {414, "GET /" + std::string(3000, 'a')},
        {431, get + "Big: " + std::string(2000, 'a') + "\r\n\r\n"},
        {417, get + "Expect: magic\r\n\r\n"},
    };
}

TEST(request_parser, rejects_ambiguous_requests) {
    constexpr http::parser_limits limits{
        .header_bytes_max = 1024, .target_bytes_max = 256, .body_bytes_max = 100};
    for (const auto& [status, text] : refusals()) {
        for (const std::size_t piece : {text.size(), std::size_t(7), std::size_t(1)}) {
            http::request_parser parser(limits);
            std::string_view rest = text;
            while (!rest.empty() && parser.now() != state::rejected) {
                ASSERT_NE(parser.now(), state::complete) << text;
                rest.remove_prefix(parser.feed(rest.substr(0, piece)));
            }
            EXPECT_EQ(parser.now(), state::rejected) << text << " by " << piece;
            EXPECT_EQ(parser.status(), status) << text << " by " << piece << ' ' << parser.detail();
            EXPECT_FALSE(parser.keeps_alive());
        }
    }
}

TEST(request_parser, limits_the_number_of_header_fields) {
    http::request_parser parser({.headers_max = 3});
    parser.feed("GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n");
    EXPECT_EQ(parser.status(), 431U);
}

TEST(request_parser, absolute_target_overrides_host) {
    http::request_parser parser({});
    parser.feed("GET http://a.example:8080/p?q HTTP/1.1\r\nHost: other\r\n\r\n");
    ASSERT_EQ(parser.now(), state::complete) << parser.detail();
    auto request = parser.take();
    EXPECT_EQ(request.target, "/p?q");
    EXPECT_EQ(request.headers.get("Host"), "a.example:8080");
    parser.feed("GET HTTP://a HTTP/1.1\r\nHost: other\r\n\r\n");
    EXPECT_EQ(parser.take().target, "/");
    parser.feed("OPTIONS * HTTP/1.1\r\nHost: other\r\n\r\n");
    request = parser.take();
    EXPECT_EQ(request.target, "*");
    EXPECT_EQ(request.headers.get("Host"), "other");
}

TEST(request_parser, joins_the_values_of_a_repeated_header) {
    http::request_parser parser({});
    parser.feed(
        "GET / HTTP/1.1\r\nHost: x\r\nIf-Match: \"1\"\r\nAccept: a\r\nif-match: \"2\"\r\n"
        "Accept: a\r\n\r\n");
    ASSERT_EQ(parser.now(), state::complete) << parser.detail();
    const auto request = parser.take();
    EXPECT_EQ(request.headers.get("If-Match"), "\"1\", \"2\"");
    EXPECT_EQ(request.headers.get("Accept"), "a");
}

TEST(request_parser, accepts_repeated_equal_content_length) {
    http::request_parser parser({});
    parser.feed("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi");
    ASSERT_EQ(parser.now(), state::complete);
    EXPECT_EQ(parser.take().body, "hi");
}

TEST(request_parser, connection_header_decides_keep_alive) {
    const auto keeps = [](std::string_view version, std::string_view words) {
        http::request_parser parser({});
        parser.feed("GET / " + std::string(version) + "\r\nHost: x\r\n" + std::string(words) +
                    "\r\n");
        EXPECT_EQ(parser.now(), state::complete);
        return parser.keeps_alive();
    };
    EXPECT_TRUE(keeps("HTTP/1.1", ""));
    EXPECT_FALSE(keeps("HTTP/1.1", "Connection: upgrade, Close\r\n"));
    EXPECT_FALSE(keeps("HTTP/1.0", ""));
    EXPECT_TRUE(keeps("HTTP/1.0", "Connection: Keep-Alive\r\n"));
}

TEST(gzip_stream, compresses_parts_of_every_size) {
    http::gzip_stream out(1);
    std::string text;
    for (const std::size_t size : {0UZ, 1UZ, 100UZ, 300'000UZ, 7UZ}) {
        std::string part;
        for (std::size_t i = 0; i < size; ++i) part += static_cast<char>('a' + (i * i) % 26);
        out.append(part);
        text += part;
    }
    EXPECT_EQ(http::gunzip(out.finish(), 1 << 20), text);
    EXPECT_EQ(http::gunzip(http::gzip_stream().finish(), 1), "");
}

TEST(gzip, round_trips_within_the_limit) {
    const std::string text(100'000, 'a');
    const auto compressed = http::gzip(text);
    EXPECT_LT(compressed.size(), 1000U);
    EXPECT_EQ(http::gunzip(compressed, 200'000).value(), text);
    EXPECT_EQ(http::gunzip(compressed, 50'000).error().code, base::errc::limit);
    EXPECT_EQ(http::gunzip(compressed.substr(0, 50), 200'000).error().code, base::errc::corrupt);
    EXPECT_EQ(http::gunzip("plain", 200'000).error().code, base::errc::corrupt);
    EXPECT_EQ(http::gunzip(http::gzip("two ") + http::gzip("members"), 100).value(), "two members");
    EXPECT_EQ(http::gunzip(http::gzip("one") + "junk", 100).error().code, base::errc::corrupt);
    EXPECT_EQ(http::gunzip(compressed + compressed, 150'000).error().code, base::errc::limit);
}

}  // namespace
