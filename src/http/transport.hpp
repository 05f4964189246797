#pragma once
// A client's connection, plain or TLS, behind one face. Inside http only.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "aio/task.hpp"
#include "http/client.hpp"

namespace http::detail {

class transport {
  public:
    virtual ~transport() = default;
    // Bytes read; 0 at the end. Failures: unavailable, cancelled.
    virtual aio::task<std::size_t> read(std::span<char> out) = 0;
    virtual aio::task<> write(std::string_view head, std::string_view body) = 0;
};

// How a client secures its connections, ready for use. Immutable; the client and those of its
// connections that are being made own it together.
struct tls_setup {
    boost::asio::ssl::context context{boost::asio::ssl::context::tls_client};
    std::string server_name;  // empty = the origin's host
    bool verify = true;
};

// Failure: invalid.
base::outcome<std::shared_ptr<tls_setup>> make_tls_setup(const client_tls& settings);

// `tls` null: plain. Failures: unavailable, denied (the certificate is not trusted), cancelled;
// always with the reason "not_sent".
aio::task<std::unique_ptr<transport>> connect(url origin, std::shared_ptr<tls_setup> tls);

}  // namespace http::detail
