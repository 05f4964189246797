#pragma once
// An HTTP/1.1 client for one origin with a pool of kept-alive connections, TLS with client
// certificates, and streaming answers. Belongs to one loop.

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "aio/aio.hpp"
#include "base/secret.hpp"
#include "http/message.hpp"

namespace http {

struct client_tls {
    std::string ca_pem;           // empty: the system's trust store
    std::string certificate_pem;  // client certificate; empty = none
    base::secret private_key_pem;
    std::string server_name;  // SNI and name to verify; empty = host
    bool verify = true;
};

struct client_options {
    http::url origin;                  // path is ignored
    std::optional<client_tls> tls{};   // required when origin.secure
    std::size_t connections_max = 32;  // requests beyond wait for a free one
    std::size_t streams_max = 256;     // open streams, apart from the requests; beyond: limit
    std::size_t body_bytes_max = 64 * 1024 * 1024;
    std::chrono::milliseconds connect_timeout{5000};
    std::chrono::milliseconds idle_timeout{60000};  // pooled connections are closed after it
};

// Reads one streaming answer.
class stream_reader {
  public:
    virtual ~stream_reader() = default;
    [[nodiscard]] virtual unsigned status() const noexcept = 0;
    [[nodiscard]] virtual const http::headers& headers() const noexcept = 0;
    // The next bytes of the body as they arrive (de-chunked); an empty string at its proper end.
    // Failures: timed_out (nothing within `idle`), unavailable (cut in the middle), corrupt.
    virtual aio::task<std::string> read(std::chrono::milliseconds idle) = 0;
};

struct request_limits {
    base::steady_time deadline = base::steady_time::max();
    std::size_t body_bytes_max = 0;  // 0 = the client's
    // A request that may be sent again when a kept-alive connection turns out to be dead before any
    // answer byte.
    bool replayable = true;
};

class client {
  public:
    virtual ~client() = default;
    // One exchange; Host is added, gzip answers are decoded when the caller asked for them.
    // Failures: unavailable (refused, cut), timed_out, limit (body too large), corrupt (not HTTP),
    // denied (TLS verification), cancelled. Reason "not_sent": no byte of the request left this
    // process, so even a POST may be sent again; without it the effect is unknown.
    virtual aio::task<response> send(request outgoing, request_limits limits) = 0;
    // As send, but hands the body out as it comes, on a connection of its own. The deadline is for
    // the answer's header only and the body has no limit. The reader owns the connection and closes
    // it when it dies early.
    virtual aio::task<std::unique_ptr<stream_reader>> open(request outgoing,
                                                           request_limits limits) = 0;
    // Makes new connections so from now on; the old ones carry no further request, but what is
    // under way on them ends properly. Failure: invalid (bad PEM, or a plain origin); then nothing
    // has changed.
    virtual base::outcome<void> use_tls(client_tls settings) = 0;
};

// Failures: invalid (bad PEM, TLS missing).
base::outcome<std::unique_ptr<client>> make_client(aio::executor executor, client_options options);

}  // namespace http
