#pragma once
// An HTTP/1.1 server: N loops (one thread each) share a port by SO_REUSEPORT. Supports keep-alive,
// pipelining, limits, streaming responses (SSE, watches) and graceful shutdown. Used by api and by
// the API server of devcluster. Handlers run on the loop of the connection.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aio/aio.hpp"
#include "http/message.hpp"

namespace http {

// Writes the chunks of one streaming response. Must be used on the loop of the connection.
class stream_writer {
  public:
    virtual ~stream_writer() = default;
    // Sends the bytes as one chunk without a copy and waits until the socket accepts them. Errors:
    // unavailable (client disconnected), timed_out (client does not read), cancelled (server
    // stops).
    virtual aio::task<> write(std::shared_ptr<const std::string> bytes) = 0;
    // Registers a callback that runs once when the client disconnects or the server starts draining
    // (immediately if either has already happened). The callback never runs after the stream ends.
    // nullptr unregisters.
    virtual void on_end(std::move_only_function<void()> callback) = 0;
    // Returns true after server::drain(). The source should end the stream soon.
    [[nodiscard]] virtual bool is_draining() const noexcept = 0;
};

// Produces the body of a streaming response. The stream ends with the last chunk when it returns.
using stream_source = std::move_only_function<aio::task<>(stream_writer&)>;

struct outgoing_response {
    http::response response;
    stream_source stream{};  // if set, response.body is ignored
    bool close = false;      // close the connection after the response
    std::function<void(unsigned status, std::uint64_t bytes_sent, bool complete)>
        on_sent{};  // may be empty
};

class handler {
  public:
    virtual ~handler() = default;
    // The fast path without a coroutine, called first for every request. Returns nullopt to
    // continue with handle(), which gets the same request.
    virtual std::optional<outgoing_response> handle_now(request& incoming) = 0;
    // Handles a request. Never throws. Cancelled when the client disconnects.
    virtual boost::asio::awaitable<outgoing_response> handle(request incoming) = 0;
    // Returns the response to a malformed or oversized request or connection (400, 408, 413, 414,
    // 417, 431, 501, 503, 505).
    virtual outgoing_response error_response(unsigned status, std::string_view detail) = 0;
};

struct tls_files {
    std::string certificate_chain;
    std::string private_key;
    std::string client_ca;  // empty: no client certificates
};

// The limit of a body, and of what a handler decompresses from it.
inline constexpr std::size_t request_body_bytes_max = std::size_t{1024} * 1024;

struct server_options {
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;  // 0: any free port, the same for all loops
    std::size_t loops = 1;
    std::size_t header_bytes_max = 16 * 1024;
    std::size_t target_bytes_max = 8 * 1024;              // larger: 414
    std::size_t body_bytes_max = request_body_bytes_max;  // larger: 413
    std::size_t connections_max = 20000;                  // of all loops; more: 503 and close
    std::size_t pipelined_max = 64;
    std::chrono::milliseconds header_timeout{
        10000};  // from the first byte of a request to the end of its header
    std::chrono::milliseconds body_timeout{
        30000};  // from the end of the header to the end of the body
    std::chrono::milliseconds idle_timeout{75000};  // keep-alive
    std::chrono::milliseconds write_timeout{
        30000};  // without progress while the client does not read
    std::chrono::milliseconds first_request_timeout{
        1000};  // while the server drains: until the first request of a new connection
    std::optional<tls_files> tls{};
};

struct server_counters {
    std::uint64_t connections_open = 0;
    std::uint64_t connections_total = 0;
    std::uint64_t requests_total = 0;
    std::uint64_t requests_in_flight = 0;
    std::uint64_t streams_open = 0;
};

class server {
  public:
    virtual ~server() = default;
    [[nodiscard]] virtual std::uint16_t port() const noexcept = 0;
    // Returns the executors of the loops, to post work to them.
    [[nodiscard]] virtual std::vector<aio::executor> executors() const = 0;
    // Starts the shutdown and returns immediately. Accepts no new connections, closes idle ones
    // (new ones after `first_request_timeout`), finishes requests in progress with "Connection:
    // close" and notifies streams (is_draining(), on_end()). Any thread.
    virtual void drain() = 0;
    // Drains and waits until no request is in flight or the deadline expires. Then aborts the
    // remaining connections and joins the threads. Returns true if it aborted none. Any thread
    // except those of the loops.
    virtual bool stop(base::steady_time deadline) = 0;
    // Reads the TLS files again. Returns whether their content is new and in use for new
    // connections; false without TLS. Errors: invalid (the text names the file); the previous
    // content stays in use. Any thread.
    virtual base::outcome<bool> reload_certificate() = 0;
    [[nodiscard]] virtual server_counters counters() const noexcept = 0;
};

// Binds the port, starts the threads and serves. Calls make_handler once per loop. Errors: invalid
// (address or TLS file), unavailable (port in use; the text names it), denied.
base::outcome<std::unique_ptr<server>> start_server(
    server_options options,
    std::function<std::unique_ptr<handler>(aio::executor loop)> make_handler);

}  // namespace http
