#pragma once
// A plain or TLS connection of the client. Internal to http.

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
    // Returns the number of bytes read; 0 at the end. Errors: unavailable, denied (the server
    // rejects the client certificate), cancelled.
    virtual aio::task<std::size_t> read(std::span<char> out) = 0;
    virtual aio::task<> write(std::string_view head, std::string_view body) = 0;
};

// The TLS settings of a client. Immutable. Shared by the client and by its connections in the
// handshake.
struct tls_setup {
    boost::asio::ssl::context context{boost::asio::ssl::context::tls_client};
    std::string server_name;  // empty: the host of the origin
    bool verify = true;
};

// Errors: invalid.
base::outcome<std::shared_ptr<tls_setup>> make_tls_setup(const client_tls& settings);

// Connects to the origin, without TLS if `tls` is null. Errors: unavailable, denied (certificate
// not trusted), cancelled; all with the cause not_sent.
aio::task<std::unique_ptr<transport>> connect(url origin, std::shared_ptr<tls_setup> tls);

}  // namespace http::detail
