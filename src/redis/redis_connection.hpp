#pragma once
// One pipelined connection to a Redis server. Many callers share it: commands are sent in the order
// of the calls, and responses arrive in the same order. Shared by its node and by the calls in
// progress. One loop. Ends when the server closes it, when a command gets no byte of a response
// until its deadline, or when run() is cancelled.

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "aio/aio.hpp"
#include "base/clock.hpp"
#include "http/transport.hpp"
#include "redis/handshake.hpp"
#include "redis/redis_url.hpp"
#include "redis/resp.hpp"

namespace redis {

struct connection_options {
    endpoint server;
    std::shared_ptr<http::tls_setup> tls;  // shared with the client; nullptr: no TLS
    handshake_options handshake{};
    std::chrono::milliseconds connect_timeout{2000};  // with the handshake
    // If set, receives every value; call() must then not be used. For subscriptions.
    std::function<void(const resp_value& value)> listener{};
};

class redis_connection {
  public:
    static constexpr std::size_t pending_max = 10'000;
    static constexpr std::size_t unsent_bytes_max = std::size_t{64} * 1024 * 1024;

    // Connects and runs the handshake. If a server closes the connection at a command of the
    // handshake, connects again with the next probe level. Errors: unavailable, timed_out, denied
    // (credentials, certificate), invalid (database), corrupt, cancelled.
    static aio::task<std::shared_ptr<redis_connection>> open(connection_options options);

    redis_connection(aio::executor executor, connection_options options, server_facts facts,
                     std::unique_ptr<http::transport> transport);
    ~redis_connection();

    // Reads and writes until the connection ends. Called once. Returns the reason of the end.
    // Errors: always one of unavailable, timed_out, corrupt, cancelled.
    aio::task<> run();

    struct call_state {
        bool was_sent = false;  // the server may have received the command
    };
    // Sends a command and returns its response, which may be an error of the server. Errors:
    // unavailable (the connection ended, or its queue is full), timed_out, cancelled.
    aio::task<resp_value> call(const command_words& words, bool is_asking,
                               base::steady_time deadline, call_state& state);
    // Sends a command without waiting. For connections with a listener.
    void post(const command_words& words);

    // Ends the connection. Calls in progress fail with the failure.
    void close(base::failure reason);
    [[nodiscard]] bool is_open() const noexcept { return !end_reason_.has_value(); }
    [[nodiscard]] const server_facts& facts() const noexcept { return facts_; }
    [[nodiscard]] const endpoint& server() const noexcept { return options_.server; }
    [[nodiscard]] base::steady_time last_received() const noexcept { return last_received_; }

  private:
    struct waiting_call;

    aio::task<> read_values();
    aio::task<> write_commands();
    base::outcome<void> dispatch(resp_value value);

    aio::executor executor_;
    connection_options options_;
    server_facts facts_;
    std::unique_ptr<http::transport> transport_;
    resp_parser parser_;
    std::string unsent_;
    // Sent or unsent calls in order. Shared with their callers; nullptr for ASKING.
    std::deque<std::shared_ptr<waiting_call>> calls_;
    std::size_t unsent_calls_ = 0;  // at the end of calls_
    aio::notification has_unsent_;
    aio::notification ended_;
    std::optional<base::failure> end_reason_;
    base::steady_time last_received_{};
    aio::task_group loops_;
};

}  // namespace redis
