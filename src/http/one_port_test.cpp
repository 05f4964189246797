// The loops of one server share a port. Two servers do not.
#include <gtest/gtest.h>

#include "http/server.hpp"

namespace {

class silent_handler final : public http::handler {
  public:
    std::optional<http::outgoing_response> handle_now(http::request&) override {
        return http::outgoing_response{};
    }
    boost::asio::awaitable<http::outgoing_response> handle(http::request) override {
        co_return http::outgoing_response{};
    }
    http::outgoing_response error_response(unsigned, std::string_view) override { return {}; }
};

base::outcome<std::unique_ptr<http::server>> start(std::uint16_t port) {
    return http::start_server({.port = port, .loops = 2},
                              [](aio::executor) { return std::make_unique<silent_handler>(); });
}

TEST(http_server_port, is_not_shared_with_a_second_server) {
    const auto first = start(0);
    ASSERT_TRUE(first);
    const auto port = (*first)->port();
    const auto second = start(port);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, base::errc::unavailable);
    EXPECT_EQ(second.error().text,
              "cannot listen on 127.0.0.1:" + std::to_string(port) + ": Address already in use");
}

TEST(http_server_port, is_free_after_the_server_stopped) {
    auto first = start(0);
    ASSERT_TRUE(first);
    const auto port = (*first)->port();
    first->reset();
    const auto second = start(port);
    ASSERT_TRUE(second) << second.error().text;
    EXPECT_EQ((*second)->port(), port);
}

}  // namespace
