#pragma once
// What the server's loops and its connections know of each other. Inside http only.

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>
#include <unordered_set>

#include "http/server.hpp"

namespace http::detail {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

struct shared_counters {
    std::atomic<std::uint64_t> open{0};
    std::atomic<std::uint64_t> total{0};
    std::atomic<std::uint64_t> requests{0};
    std::atomic<std::uint64_t> in_flight{0};
    std::atomic<std::uint64_t> streams{0};
};

// One connection as its loop sees it. All calls on the loop.
class connection {
  public:
    virtual ~connection() = default;
    // Acts on a deadline that has passed.
    virtual void check_deadline(base::steady_time now) = 0;
    // Finish what is in work and close.
    virtual void drain() = 0;
    // Close now.
    virtual void cut() = 0;
};

// What belongs to one loop of the server.
struct loop_state {
    explicit loop_state(const server_options& how) : options(how) {}
    const server_options& options;
    asio::io_context* context = nullptr;
    std::unique_ptr<http::handler> handler;
    shared_counters* counters = nullptr;
    std::unordered_set<connection*> connections;
    bool is_draining = false;

    // "Date: ...\r\n", renewed each second.
    std::string_view date_line();

  private:
    std::string date_;
    std::int64_t date_second_ = -1;
};

// Serves one accepted socket until it ends; owns itself.
void serve_plain(std::shared_ptr<loop_state> loop, tcp::socket socket);
void serve_tls(std::shared_ptr<loop_state> loop, tcp::socket socket, asio::ssl::context& tls);

std::string_view reason_phrase(unsigned status) noexcept;

}  // namespace http::detail
