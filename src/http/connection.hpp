#pragma once
// The interface between the server's loops and its connections. Internal to http.

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>

#include "http/server.hpp"

namespace http::detail {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

// Counters of all loops. Updated once per connection.
struct shared_counters {
    std::atomic<std::uint64_t> open{0};
    std::atomic<std::uint64_t> total{0};
    // Open connections that sent their last response and wait for the client to close.
    std::atomic<std::uint64_t> lingering{0};

    void remove_open() {
        open.fetch_sub(1);
        notify_waiter();
    }
    void add_lingering() {
        lingering.fetch_add(1);
        notify_waiter();
    }
    // Wakes wait_until() after a change that can make the server empty. Costs one load if no thread
    // waits.
    void notify_waiter();
    // Waits until `is_done` returns true or the deadline expires. Returns the last result. One
    // thread at a time, except those of the loops.
    bool wait_until(base::steady_time deadline, const std::function<bool()>& is_done);

  private:
    std::atomic<bool> has_waiter_{false};
    std::mutex mutex_;
    std::condition_variable changed_;
};

// Written by one loop and read by all threads. Needs no locked instruction per request.
class loop_counter {
  public:
    void add(std::int64_t change) noexcept {
        value_.store(value_.load(std::memory_order_relaxed) + static_cast<std::uint64_t>(change),
                     std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t get() const noexcept {
        return value_.load(std::memory_order_relaxed);
    }

  private:
    std::atomic<std::uint64_t> value_{0};
};

// One connection as its loop sees it. All calls happen on the loop.
class connection {
  public:
    virtual ~connection() = default;
    // Sends 408 or closes the connection if its deadline has expired.
    virtual void check_deadline(base::steady_time now) = 0;
    // Finishes the requests in progress, then closes.
    virtual void drain() = 0;
    // Closes immediately.
    virtual void abort() = 0;
};

// The state of one loop of the server.
struct loop_state {
    explicit loop_state(const server_options& settings) : options(settings) {}
    const server_options& options;
    asio::io_context* context = nullptr;
    std::unique_ptr<http::handler> handler;
    shared_counters* counters = nullptr;
    loop_counter requests;
    loop_counter in_flight;
    loop_counter streams;
    std::unordered_set<connection*> connections;
    bool is_draining = false;

    // Returns "Date: ...\r\n", updated each second.
    std::string_view date_line();

  private:
    std::string date_;
    std::int64_t date_second_ = -1;
};

// Serves one accepted socket until it ends. Pending operations own the connection.
void serve_plain(std::shared_ptr<loop_state> loop, tcp::socket socket);
void serve_tls(std::shared_ptr<loop_state> loop, tcp::socket socket, asio::ssl::context& tls);
// Sends 503 and closes.
void reject(std::shared_ptr<loop_state> loop, tcp::socket socket);

}  // namespace http::detail
