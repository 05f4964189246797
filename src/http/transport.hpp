#pragma once
// A plain or TLS connection of a client, for every protocol over TCP. One loop.

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "aio/task.hpp"
#include "http/client.hpp"

namespace http {

class transport {
  public:
    virtual ~transport() = default;  // closes the connection
    // Returns the number of bytes read; 0 at the end. Errors: unavailable, denied (the server
    // rejects the client certificate), cancelled.
    virtual aio::task<std::size_t> read(std::span<char> out) = 0;
    // Errors: those of read(). One read and one write may be in progress at the same time.
    virtual aio::task<> write(std::string_view head, std::string_view body) = 0;
};

// The TLS settings of a client. Immutable. Shared by a client and by its connections in the
// handshake.
struct tls_setup;

// Errors: invalid.
base::outcome<std::shared_ptr<tls_setup>> make_tls_setup(const client_tls& settings);

// Connects to the origin, without TLS if `tls` is null. Errors: unavailable, denied (certificate
// not trusted), cancelled; all with the cause not_sent.
aio::task<std::unique_ptr<transport>> connect(url origin, std::shared_ptr<tls_setup> tls);

}  // namespace http
