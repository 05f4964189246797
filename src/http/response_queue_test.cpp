#include "http/response_queue.hpp"

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

namespace {

using http::outgoing_response;
using http::response_queue;

struct sent_event {
    unsigned status;
    std::uint64_t bytes;
    bool complete;
    bool operator==(const sent_event&) const = default;
};

http::sent_callback record_in(std::vector<sent_event>& list) {
    return [&list](unsigned status, std::uint64_t bytes, bool complete) {
        list.push_back({status, bytes, complete});
    };
}

// Writes everything in pieces of at most `piece_max` bytes.
std::string drain(response_queue& queue, std::size_t piece_max = std::string::npos) {
    std::string text;
    while (!queue.empty()) {
        const auto first = queue.pending().front();
        const auto size = std::min(piece_max, first.iov_len);
        text.append(static_cast<const char*>(first.iov_base), size);
        queue.consume(size);
    }
    return text;
}

outgoing_response spliced() {
    http::body body(std::make_shared<const std::string>("0123456789"));
    body.before = "<";
    body.split_at = 4;
    body.middle = "--";
    body.after = ">";
    return {.response = {.status = 200, .body = std::move(body)}};
}

TEST(response_queue, writes_the_same_bytes_for_every_piece_size) {
    const std::string expected =
        "HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 14\r\n\r\n<0123--456789>"
        "HTTP/1.1 404 Not Found\r\nDate: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    for (std::size_t piece_max = 1; piece_max <= expected.size(); ++piece_max) {
        std::vector<sent_event> events;
        response_queue queue;
        auto first = spliced();
        first.on_sent = record_in(events);
        queue.push(std::move(first), {.date_line = "Date: x\r\n"});
        queue.push({.response = {.status = 404}, .on_sent = record_in(events)},
                   {.close = true, .date_line = "Date: x\r\n"});
        EXPECT_EQ(queue.bytes(), expected.size());
        EXPECT_EQ(drain(queue, piece_max), expected);
        EXPECT_EQ(events, (std::vector<sent_event>{{200, 14, true}, {404, 0, true}}));
    }
}

TEST(response_queue, reports_partial_responses_when_destroyed) {
    std::vector<sent_event> events;
    {
        response_queue queue;
        for (int turn = 0; turn < 3; ++turn) {
            auto each = spliced();
            each.on_sent = record_in(events);
            queue.push(std::move(each), {});
        }
        const auto one = queue.bytes() / 3;
        queue.pending();
        queue.consume(2 * one - 9);
    }
    EXPECT_EQ(events, (std::vector<sent_event>{{200, 14, true}, {200, 5, false}, {200, 0, false}}));
}

TEST(response_queue, head_response_has_the_length_and_no_body) {
    std::vector<sent_event> events;
    response_queue queue;
    auto response = spliced();
    response.on_sent = record_in(events);
    queue.push(std::move(response), {.head_only = true});
    EXPECT_EQ(drain(queue), "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n");
    EXPECT_EQ(events, (std::vector<sent_event>{{200, 0, true}}));
}

TEST(response_queue, responses_without_content_have_no_length) {
    response_queue queue;
    queue.push({.response = {.status = 204, .body = http::body("ignored")}}, {});
    queue.push({.response = {.status = 304, .headers = {{"ETag", "\"1\""}}}}, {});
    EXPECT_EQ(drain(queue),
              "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\r\n");
}

TEST(response_queue, replaces_line_ends_in_header_values) {
    response_queue queue;
    queue.push({.response = {.status = 299, .headers = {{"A", "b\r\nSet-Cookie: c"}}}}, {});
    EXPECT_EQ(drain(queue),
              "HTTP/1.1 299 Status\r\nA: b  Set-Cookie: c\r\nContent-Length: 0\r\n\r\n");
}

TEST(response_queue, drops_framing_headers_of_the_handler) {
    response_queue queue;
    queue.push({.response = {.status = 200,
                             .headers = {{"content-length", "7"},
                                         {"Transfer-Encoding", "chunked"},
                                         {"Connection", "keep-alive"},
                                         {"DATE", "never"}}}},
               {});
    EXPECT_EQ(drain(queue), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

TEST(response_queue, chunks_streams_and_reports_at_their_end) {
    std::vector<sent_event> events;
    response_queue queue;
    queue.push_stream_head({}, 200, {});
    queue.push_stream_bytes(std::make_shared<const std::string>(26, 'x'), true);
    queue.push_stream_end({.status = 200, .bytes = 26, .on_sent = record_in(events)});
    EXPECT_EQ(drain(queue, 3), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1a\r\n" +
                                   std::string(26, 'x') + "\r\n0\r\n\r\n");
    EXPECT_EQ(events, (std::vector<sent_event>{{200, 26, true}}));
}

TEST(response_queue, does_not_chunk_http_1_0_streams) {
    std::vector<sent_event> events;
    response_queue queue;
    queue.push_stream_head({}, 200, {.close = true, .is_http_1_0 = true});
    queue.push_stream_bytes(std::make_shared<const std::string>("abc"), false);
    EXPECT_EQ(drain(queue), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc");
    queue.push_stream_end({.bytes = 3, .is_chunked = false, .on_sent = record_in(events)});
    EXPECT_TRUE(queue.empty());
    EXPECT_EQ(events, (std::vector<sent_event>{{200, 3, true}}));
}

}  // namespace
