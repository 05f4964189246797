#pragma once
// An HTTP/1.1 server: N loops (one thread each) that share a port by SO_REUSEPORT, keep-alive,
// pipelining, limits, streaming answers (SSE, watches), graceful stop. The only way in for api and
// for devcluster's API server. Handlers run on the connection's loop.

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

// Writes one streaming answer piece by piece (chunked). Used on the connection's loop only.
class stream_writer {
  public:
    virtual ~stream_writer() = default;
    // Sends bytes as one chunk (several parts: without copying); waits for the socket to take them.
    // Failures: unavailable (the client has gone), timed_out (it does not read), cancelled (server
    // stops).
    virtual aio::task<> write(std::shared_ptr<const std::string> bytes) = 0;
    // Calls `tell` once: when the client closes or the server begins to stop, at once when that was
    // before, and never behind the end of the stream. Null: nobody wants to know any more.
    virtual void on_end(std::move_only_function<void()> callback) = 0;
    // True from the moment of server::drain(): end the stream soon.
    [[nodiscard]] virtual bool is_draining() const noexcept = 0;
};

// Produces the body of a streaming answer; the stream ends (last chunk) when it returns.
using stream_source = std::move_only_function<aio::task<>(stream_writer&)>;

struct outgoing_response {
    http::response response;
    stream_source stream{};  // when set, response.body is ignored and the answer is chunked
    bool close = false;      // close the connection after it
    std::function<void(unsigned status, std::uint64_t bytes_sent, bool complete)>
        on_sent{};  // may be empty
};

class handler {
  public:
    virtual ~handler() = default;
    // The fast path: answers at once without a coroutine, or nothing to go on with handle(), which
    // gets the same request. Called for every request first.
    virtual std::optional<outgoing_response> handle_now(request& incoming) = 0;
    // Never throws; cancelled when the client goes away.
    virtual boost::asio::awaitable<outgoing_response> handle(request incoming) = 0;
    // The answer to what could not be parsed or is over a limit (400, 408, 413, 414, 431, 501,
    // 505).
    virtual outgoing_response error_response(unsigned status, std::string_view detail) = 0;
};

struct tls_files {
    std::string certificate_chain;
    std::string private_key;
    std::string client_ca;  // empty: client certificates are not asked for
};

struct server_options {
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;  // 0: any free one, the same for all loops
    std::size_t loops = 1;
    std::size_t header_bytes_max = 16 * 1024;
    std::size_t target_bytes_max = 8 * 1024;   // 414 beyond
    std::size_t body_bytes_max = 1024 * 1024;  // 413 beyond
    std::size_t connections_max = 20000;       // over all loops; beyond: 503 and close
    std::size_t pipelined_max = 64;
    std::chrono::milliseconds header_timeout{
        10000};  // from the first byte of a request to the end of its header
    std::chrono::milliseconds body_timeout{
        30000};  // from the end of the header to the end of the body
    std::chrono::milliseconds idle_timeout{75000};   // keep-alive
    std::chrono::milliseconds write_timeout{30000};  // one write to a client that does not read
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
    // The loops' executors, for those who hand work to them.
    [[nodiscard]] virtual std::vector<aio::executor> executors() const = 0;
    // Begins to stop: no new connections, idle ones closed, busy ones get "Connection: close" and
    // are finished, streams are told (is_draining, on_end()). Any thread; returns at once.
    virtual void drain() = 0;
    // Waits until nothing is in flight, at most until `when`, then cuts the rest and joins the
    // threads. True: nothing was cut. Any thread but a loop's.
    virtual bool stop(base::steady_time deadline) = 0;
    [[nodiscard]] virtual server_counters counters() const noexcept = 0;
};

// Binds, starts the threads and serves; make_handler is called once per loop. Failures: invalid
// (address), unavailable (port in use; the text names it), denied.
base::outcome<std::unique_ptr<server>> start_server(
    server_options options,
    std::function<std::unique_ptr<handler>(aio::executor loop)> make_handler);

}  // namespace http
