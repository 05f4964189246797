#pragma once
// An HTTP/1.1 client for one origin with a pool of keep-alive connections, TLS with client
// certificates, and streaming responses. Belongs to one loop.

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
    std::string ca_pem;           // empty: the system trust store
    std::string certificate_pem;  // client certificate; empty: none
    base::secret private_key_pem;
    std::string server_name;  // SNI and the name to verify; empty: the host
    bool verify = true;
};

struct client_options {
    http::url origin;                  // path is ignored
    std::optional<client_tls> tls{};   // required if origin.secure
    std::size_t connections_max = 32;  // further requests wait for a free connection
    std::size_t streams_max = 256;     // open streams; further ones fail with limit
    std::size_t body_bytes_max = 64 * 1024 * 1024;
    std::chrono::milliseconds connect_timeout{5000};
    std::chrono::milliseconds idle_timeout{60000};  // closes pooled connections
};

// Reads one streaming response.
class stream_reader {
  public:
    virtual ~stream_reader() = default;
    [[nodiscard]] virtual unsigned status() const noexcept = 0;
    [[nodiscard]] virtual const http::headers& headers() const noexcept = 0;
    // Waits for body bytes and returns them without the chunk framing. Returns an empty string at
    // the end of a complete body. Errors: timed_out (no byte within `idle`), unavailable
    // (connection lost before the end), corrupt.
    virtual aio::task<std::string> read(std::chrono::milliseconds idle) = 0;
};

// Causes of failures of a client (base/cause.hpp).
enum class failure_cause : std::uint8_t {
    not_sent,  // no byte of the request left this process
};
[[nodiscard]] constexpr std::string_view name(failure_cause value) noexcept {
    switch (value) {
        case failure_cause::not_sent:
            return "not_sent";
    }
    return "";
}

struct request_limits {
    base::steady_time deadline = base::steady_time::max();
    std::size_t body_bytes_max = 0;  // 0: that of the client
    // Whether the client may send the request again if a pooled connection is closed before the
    // first response byte.
    bool replayable = true;
};

class client {
  public:
    virtual ~client() = default;
    // Sends one request and returns the response. Adds Host. Decompresses gzip bodies; the limit
    // holds for both forms. Errors: unavailable (connection failed or lost), timed_out, limit
    // (body too large), corrupt (not HTTP), denied (TLS verification), cancelled. The cause
    // not_sent means that no byte of the request left this process, so even a POST may be sent
    // again. Without it the effect is unknown.
    virtual aio::task<response> send(request outgoing, request_limits limits) = 0;
    // Like send(), but returns a reader that yields the body as it arrives, on a separate
    // connection. The deadline covers the response header only. The body has no limit. The reader
    // owns the connection and closes it in its destructor.
    virtual aio::task<std::unique_ptr<stream_reader>> open(request outgoing,
                                                           request_limits limits) = 0;
    // Uses the settings for new connections. Existing connections finish their current request and
    // carry no further one. Errors: invalid (bad PEM, or an origin without TLS); nothing changes
    // then.
    virtual base::outcome<void> use_tls(client_tls settings) = 0;
};

// Creates a client. Errors: invalid (bad PEM, or missing TLS options).
base::outcome<std::unique_ptr<client>> make_client(aio::executor executor, client_options options);

}  // namespace http
