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

class wire {
  public:
    virtual ~wire() = default;
    // Bytes read; 0 at the end. Failures: unavailable, cancelled.
    virtual aio::task<std::size_t> read(std::span<char> into) = 0;
    virtual aio::task<> write(std::string_view head, std::string_view body) = 0;
};

// Failures: unavailable, denied (the certificate is not trusted), cancelled; always with the reason
// "not_sent".
aio::task<std::unique_ptr<wire>> connect(const client_options& how, boost::asio::ssl::context* tls);

// Failure: invalid.
base::outcome<std::unique_ptr<boost::asio::ssl::context>> make_tls_context(const client_tls& how);

}  // namespace http::detail
