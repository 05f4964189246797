#include "http/server.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <fstream>
#include <future>
#include <sstream>

#include "aio/block_on.hpp"
#include "http/client.hpp"

namespace {

using namespace std::chrono_literals;
using tcp = boost::asio::ip::tcp;

// State that the handlers of all loops share with the test.
struct handler_state {
    std::atomic<int> cancelled{0};
    std::atomic<int> waiting{0};
    std::atomic<int> sent_total{0};
    std::atomic<int> sent_complete{0};
    std::promise<void> release;
    std::shared_future<void> released{release.get_future().share()};
};

class test_handler final : public http::handler {
  public:
    explicit test_handler(handler_state& state) : state_(state) {}

    std::optional<http::outgoing_response> handle_now(http::request& incoming) override {
        if (incoming.path() == "/now") {
            static const auto bytes = std::make_shared<const std::string>("0123456789");
            http::body body(bytes);
            body.split_at = 4;
            body.middle = "--";
            http::outgoing_response result{.response = {.status = 200, .body = std::move(body)}};
            result.on_sent = [this](unsigned, std::uint64_t, bool complete) {
                ++state_.sent_total;
                if (complete) ++state_.sent_complete;
            };
            return result;
        }
        if (incoming.path() == "/echo") {
            return http::outgoing_response{
                .response = {.status = 200, .body = http::body(incoming.body)}};
        }
        if (incoming.path() == "/empty")
            return http::outgoing_response{.response = {.status = 204}};
        return std::nullopt;
    }

    boost::asio::awaitable<http::outgoing_response> handle(http::request incoming) override {
        if (incoming.path() == "/hang") {
            ++state_.waiting;
            auto slept = co_await aio::sleep_for(1h);
            if (!slept) ++state_.cancelled;
            co_return http::outgoing_response{.response = {.status = 200}};
        }
        if (incoming.path() == "/wait") {  // until the test releases it
            ++state_.waiting;
            while (state_.released.wait_for(0s) != std::future_status::ready) {
                auto slept = co_await aio::sleep_for(1ms);
                if (!slept) break;
            }
            co_return http::outgoing_response{
                .response = {.status = 200, .body = http::body("late")}};
        }
        if (incoming.path() == "/stream") {
            http::outgoing_response result{.response = {.status = 200}};
            result.stream = [this](http::stream_writer& out) -> aio::task<> {
                auto written = co_await out.write(std::make_shared<const std::string>("first;"));
                if (!written) co_return written;
                aio::notification end(co_await aio::this_executor());
                out.on_end([&end] { end.notify(); });
                ++state_.waiting;
                co_await end.wait();
                if (!out.is_draining()) {
                    ++state_.cancelled;
                    co_return base::fail(base::errc::unavailable, "disconnected");
                }
                co_return co_await out.write(std::make_shared<const std::string>("last"));
            };
            co_return result;
        }
        if (incoming.path() == "/flood") {
            http::outgoing_response result{.response = {.status = 200}};
            result.stream = [](http::stream_writer& out) -> aio::task<> {
                const auto bytes = std::make_shared<const std::string>(std::size_t(1) << 20, 'x');
                while (true) {
                    auto written = co_await out.write(bytes);
                    if (!written) co_return written;
                }
            };
            co_return result;
        }
        co_return http::outgoing_response{
            .response = {.status = 404, .body = http::body("no such path")}};
    }

    http::outgoing_response error_response(unsigned status, std::string_view detail) override {
        return {.response = {.status = status, .body = http::body(std::string(detail))}};
    }

  private:
    handler_state& state_;
};

class http_server : public testing::Test {
  protected:
    void start(http::server_options options = {}) {
        auto started = http::start_server(std::move(options), [this](aio::executor) {
            return std::make_unique<test_handler>(state_);
        });
        ASSERT_TRUE(started) << started.error().text;
        server_ = std::move(*started);
    }
    tcp::socket connect() {
        tcp::socket socket(context_);
        socket.connect({boost::asio::ip::make_address("127.0.0.1"), server_->port()});
        return socket;
    }
    static void send_text(tcp::socket& socket, std::string_view text) {
        boost::asio::write(socket, boost::asio::buffer(text));
    }
    // Returns all bytes until the server closes.
    static std::string receive_all(tcp::socket& socket) {
        std::string text;
        boost::system::error_code error;
        boost::asio::read(socket, boost::asio::dynamic_buffer(text), error);
        return text;
    }
    static std::string receive(tcp::socket& socket, std::size_t bytes) {
        std::string text(bytes, '\0');
        boost::system::error_code error;
        text.resize(boost::asio::read(socket, boost::asio::buffer(text), error));
        return text;
    }
    std::string exchange(std::string_view text) {
        auto socket = connect();
        send_text(socket, text);
        return receive_all(socket);
    }
    static void wait_until(const std::function<bool()>& condition) {
        while (!condition()) std::this_thread::yield();
    }

    handler_state state_;
    boost::asio::io_context context_;
    std::unique_ptr<http::server> server_;
};

TEST_F(http_server, sends_a_body_of_several_parts) {
    start();
    const auto text = exchange("GET /now HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(text.starts_with("HTTP/1.1 200 OK\r\nDate: ")) << text;
    EXPECT_NE(text.find("Content-Length: 12\r\n"), std::string::npos);
    EXPECT_TRUE(text.ends_with("\r\n\r\n0123--456789")) << text;
}

TEST_F(http_server, responds_to_a_pipeline_in_order) {
    start();
    std::string text;
    for (int index = 0; index < 100; ++index) {
        const auto number = std::to_string(index);
        text += index % 10 == 9 ? "GET /none HTTP/1.1\r\nHost: x\r\n\r\n"
                                : "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: " +
                                      std::to_string(number.size()) + "\r\n\r\n" + number;
    }
    text += "GET /now HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    const auto received = exchange(text);
    std::size_t pos = 0;
    for (int index = 0; index < 100; ++index) {
        const auto body = index % 10 == 9 ? std::string("no such path") : std::to_string(index);
        pos = received.find("\r\n\r\n" + body, pos);
        ASSERT_NE(pos, std::string::npos) << index;
        pos += 4;
    }
    EXPECT_TRUE(received.ends_with("0123--456789"));
}

TEST_F(http_server, head_and_204_have_no_body) {
    start();
    const auto head = exchange("HEAD /now HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_NE(head.find("Content-Length: 12\r\n"), std::string::npos);
    EXPECT_TRUE(head.ends_with("\r\n\r\n"));
    const auto empty = exchange("GET /empty HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(empty.find("Content-Length"), std::string::npos);
}

TEST_F(http_server, closes_http_1_0_connections_without_keep_alive) {
    start();
    EXPECT_NE(exchange("GET /now HTTP/1.0\r\n\r\n").find("Connection: close"), std::string::npos);
}

TEST_F(http_server, reads_chunked_bodies_and_sends_100_continue) {
    start();
    auto socket = connect();
    send_text(socket,
              "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
              "Expect: 100-continue\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(receive(socket, 25), "HTTP/1.1 100 Continue\r\n\r\n");
    send_text(socket, "5;note=x\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: t\r\n\r\n");
    EXPECT_TRUE(receive_all(socket).ends_with("\r\n\r\nhello!"));
}

TEST_F(http_server, rejects_malformed_and_oversized_requests) {
    start({.header_bytes_max = 1024, .target_bytes_max = 256, .body_bytes_max = 100});
    const auto status = [this](std::string_view text) {
        const auto received = exchange(text);
        return received.size() > 12 ? received.substr(9, 3) : received;
    };
    EXPECT_EQ(status("nonsense\r\n\r\n"), "400");
    EXPECT_EQ(status("GET / HTTP/2.0\r\nHost: x\r\n\r\n"), "505");
    EXPECT_EQ(status("GET / HTTP/1.1\r\n\r\n"), "400");  // no Host
    EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"), "400");
    EXPECT_EQ(status("GET / HTTP/1.1\r\nHost : x\r\n\r\n"), "400");
    EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n"), "400");
    EXPECT_EQ(status("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n"),
              "400");
    EXPECT_EQ(
        status("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
        "400");
    EXPECT_EQ(status("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"), "400");
    EXPECT_EQ(status("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n"), "501");
    EXPECT_EQ(status("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
              "400");
    EXPECT_EQ(status("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n"), "413");
    EXPECT_EQ(status("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n"),
              "413");
    EXPECT_EQ(status("GET /" + std::string(300, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n"), "414");
    EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: x\r\nBig: " + std::string(2000, 'a') + "\r\n\r\n"),
              "431");
    EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: x\r\nExpect: magic\r\n\r\n"), "417");
}

TEST_F(http_server, sends_408_to_slow_clients) {
    start({.header_timeout = 30ms, .body_timeout = 30ms});
    auto header = connect();
    send_text(header, "GET / HT");
    EXPECT_TRUE(receive_all(header).starts_with("HTTP/1.1 408"));
    auto body = connect();
    send_text(body, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
    EXPECT_TRUE(receive_all(body).starts_with("HTTP/1.1 408"));
}

TEST_F(http_server, closes_idle_connections_without_a_response) {
    start({.idle_timeout = 20ms});
    auto socket = connect();
    EXPECT_EQ(receive_all(socket), "");
}

TEST_F(http_server, disconnects_a_client_that_does_not_read) {
    start({.write_timeout = 50ms});
    auto socket = connect();
    send_text(socket, "GET /flood HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_until([this] { return server_->counters().connections_total == 1; });
    wait_until([this] { return server_->counters().connections_open == 0; });
}

TEST_F(http_server, cancels_the_handler_when_the_client_disconnects) {
    start();
    {
        auto socket = connect();
        send_text(socket, "GET /hang HTTP/1.1\r\nHost: x\r\n\r\n");
        wait_until([this] { return state_.waiting == 1; });
    }
    wait_until([this] { return state_.cancelled == 1; });
    {
        auto socket = connect();
        send_text(socket, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
        wait_until([this] { return state_.waiting == 2; });
    }
    wait_until([this] { return state_.cancelled == 2; });
}

TEST_F(http_server, rejects_connections_over_the_limit) {
    start({.connections_max = 1});
    auto first = connect();
    send_text(first, "GET /now HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(receive(first, 15), "HTTP/1.1 200 OK");
    auto second = connect();
    EXPECT_TRUE(receive_all(second).starts_with("HTTP/1.1 503"));
}

TEST_F(http_server, drain_finishes_requests_and_streams) {
    start({.loops = 2, .first_request_timeout = 20ms});
    auto idle = connect();
    auto busy = connect();
    send_text(busy, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
    auto stream = connect();
    send_text(stream, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_until([this] { return state_.waiting == 2; });
    auto stopped = std::async(std::launch::async, [this] {
        return server_->stop(std::chrono::steady_clock::now() + 30s);
    });
    EXPECT_EQ(receive_all(idle), "");
    EXPECT_TRUE(receive_all(stream).ends_with("first;\r\n4\r\nlast\r\n0\r\n\r\n"));
    state_.release.set_value();
    const auto late = receive_all(busy);
    EXPECT_NE(late.find("Connection: close"), std::string::npos);
    EXPECT_TRUE(late.ends_with("late"));
    EXPECT_TRUE(stopped.get());
}

TEST_F(http_server, drain_serves_the_first_request_of_a_new_connection) {
    start();
    auto fresh = connect();
    auto used = connect();
    send_text(used, "GET /now HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(receive(used, 15), "HTTP/1.1 200 OK");
    server_->drain();
    receive_all(used);  // the server drains
    send_text(fresh, "GET /now HTTP/1.1\r\nHost: x\r\n\r\n");
    const auto text = receive_all(fresh);
    EXPECT_TRUE(text.starts_with("HTTP/1.1 200 OK")) << text;
    EXPECT_NE(text.find("Connection: close"), std::string::npos);
    EXPECT_TRUE(server_->stop(std::chrono::steady_clock::now() + 30s));
}

TEST_F(http_server, drain_closes_a_new_connection_without_a_request_after_the_timeout) {
    start({.first_request_timeout = 20ms});
    auto fresh = connect();
    server_->drain();
    EXPECT_EQ(receive_all(fresh), "");
    EXPECT_TRUE(server_->stop(std::chrono::steady_clock::now() + 30s));
}

TEST_F(http_server, stop_aborts_requests_at_the_deadline) {
    start();
    auto socket = connect();
    send_text(socket, "GET /hang HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_until([this] { return state_.waiting == 1; });
    EXPECT_FALSE(server_->stop(std::chrono::steady_clock::now()));
    EXPECT_EQ(state_.cancelled, 1);
}

TEST_F(http_server, calls_on_sent_once_per_response) {
    start();
    exchange(
        "GET /now HTTP/1.1\r\nHost: x\r\n\r\nGET /now HTTP/1.1\r\nHost: x\r\nConnection: "
        "close\r\n\r\n");
    wait_until([this] { return state_.sent_total == 2; });
    EXPECT_EQ(state_.sent_complete, 2);
}

TEST_F(http_server, names_the_port_that_is_in_use) {
    start();
    boost::asio::io_context context;
    tcp::acceptor other(context, {boost::asio::ip::make_address("127.0.0.1"), 0});
    const auto port = other.local_endpoint().port();
    const auto result = http::start_server(
        {.port = port}, [this](aio::executor) { return std::make_unique<test_handler>(state_); });
    ASSERT_FALSE(result);
    EXPECT_NE(result.error().text.find(std::to_string(port)), std::string::npos);
    const auto no_address = http::start_server({.address = "localhost"}, [this](aio::executor) {
        return std::make_unique<test_handler>(state_);
    });
    EXPECT_EQ(no_address.error().code, base::errc::invalid);
}

// ---- the client against this server ----------------------------------------------------

class http_client : public http_server {
  protected:
    template <class T>
    base::outcome<T> run(std::function<aio::task<T>(http::client&)> action,
                         http::client_options options = {}) {
        options.origin = {.host = "127.0.0.1", .port = server_->port()};
        auto work = [](std::function<aio::task<T>(http::client&)> action,
                       http::client_options options) -> aio::task<T> {
            const auto executor = co_await aio::this_executor();
            auto created = http::make_client(executor, std::move(options));
            if (!created) co_return base::pass(std::move(created));
            co_return co_await action(**created);
        };
        return aio::block_on(work(std::move(action), std::move(options)));
    }
};

TEST_F(http_client, reuses_the_connection) {
    start();
    const auto result = run<std::string>([](http::client& client) -> aio::task<std::string> {
        std::string all;
        for (int turn = 0; turn < 3; ++turn) {
            auto response = co_await client.send(
                {.verb = http::method::post, .target = "/echo", .body = "hi"}, {});
            if (!response) co_return base::pass(std::move(response));
            all += response->body.to_string();
        }
        co_return all;
    });
    ASSERT_TRUE(result) << result.error().text;
    EXPECT_EQ(*result, "hihihi");
    EXPECT_EQ(server_->counters().connections_total, 1U);
}

TEST_F(http_client, reports_not_sent_when_the_connect_fails) {
    start();
    const auto port = server_->port();
    server_->stop(std::chrono::steady_clock::now());
    http::client_options options{.origin = {.host = "127.0.0.1", .port = port}};
    auto work = [](http::client_options options) -> aio::task<http::response> {
        const auto executor = co_await aio::this_executor();
        auto created = http::make_client(executor, std::move(options));
        co_return co_await (*created)->send({.verb = http::method::post, .target = "/"}, {});
    };
    const auto result = aio::block_on(work(options));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, base::errc::unavailable);
    EXPECT_EQ(result.error().cause, http::failure_cause::not_sent);
}

TEST_F(http_client, fails_with_timed_out_at_the_deadline) {
    start();
    const auto result = run<http::response>([](http::client& client) {
        return client.send({.target = "/hang"},
                           {.deadline = std::chrono::steady_clock::now() + 50ms});
    });
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, base::errc::timed_out);
    EXPECT_EQ(result.error().reason, "");
    wait_until([this] { return state_.cancelled == 1; });
}

TEST_F(http_client, waits_for_a_free_connection) {
    start();
    const auto result = run<int>(
        [](http::client& client) -> aio::task<int> {
            const auto executor = co_await aio::this_executor();
            aio::task_group group(executor);
            int good = 0;
            for (int index = 0; index < 20; ++index) {
                group.spawn([&client, &good]() -> aio::task<> {
                    auto response = co_await client.send({.target = "/now"}, {});
                    if (response) ++good;
                    co_return base::ok();
                });
            }
            co_await group.join();
            co_return good;
        },
        {.connections_max = 3});
    EXPECT_EQ(*result, 20);
    EXPECT_LE(server_->counters().connections_total, 3U);
}

TEST_F(http_client, limits_the_response_body) {
    start();
    const auto result = run<http::response>([](http::client& client) {
        return client.send({.target = "/now"}, {.body_bytes_max = 5});
    });
    EXPECT_EQ(result.error().code, base::errc::limit);
}

TEST_F(http_client, replays_only_on_a_stale_pooled_connection) {
    start({.idle_timeout = 20ms});
    const auto twice = [this](bool replayable) {
        return run<http::response>(
            [this, replayable](http::client& client) -> aio::task<http::response> {
                auto first = co_await client.send({.target = "/now"}, {});
                if (!first) co_return first;
                while (server_->counters().connections_open > 0) co_await aio::sleep_for(1ms);
                co_return co_await client.send({.target = "/now"}, {.replayable = replayable});
            });
    };
    EXPECT_TRUE(twice(true));
    const auto result = twice(false);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, base::errc::unavailable);
}

TEST_F(http_client, reads_streams_and_reports_timeouts) {
    start();
    const auto result = run<std::string>([](http::client& client) -> aio::task<std::string> {
        auto stream = co_await client.open({.target = "/stream"}, {});
        if (!stream) co_return base::pass(std::move(stream));
        auto first = co_await (*stream)->read(1h);
        if (!first) co_return first;
        auto late = co_await (*stream)->read(5ms);
        if (late || late.error().code != base::errc::timed_out) {
            co_return base::fail(base::errc::internal, "expected a timeout");
        }
        co_return *first;
    });
    ASSERT_TRUE(result) << result.error().text;
    EXPECT_EQ(*result, "first;");
}

// A silent stream must not outlive a lost server by hours. The kernel sends the first keepalive
// probe after 15 s; the default of Linux is two hours.
TEST_F(http_client, enables_tcp_keepalive) {
    start();
    const auto result = run<std::string>([this](http::client& client) -> aio::task<std::string> {
        auto stream = co_await client.open({.target = "/stream"}, {});
        if (!stream) co_return base::pass(std::move(stream));
        auto first = co_await (*stream)->read(1h);
        if (!first) co_return first;
        std::ifstream table("/proc/self/net/tcp");  // sl local remote state queues timer:when ...
        const auto remote = fmt::format("0100007F:{:04X}", server_->port());
        for (std::string line; std::getline(table, line);) {
            std::istringstream words(line);
            std::string number, local, to, state, queues, timer;
            words >> number >> local >> to >> state >> queues >> timer;
            if (to == remote && state == "01") co_return timer;
        }
        co_return base::fail(base::errc::not_found, "no such connection");
    });
    ASSERT_TRUE(result) << result.error().text;
    EXPECT_TRUE(result->starts_with("02:")) << *result;                // the keepalive timer
    EXPECT_LE(std::stoul(result->substr(3), nullptr, 16), 15U * 100);  // in hundredths of a second
}

}  // namespace
