#pragma once
// Graceful close after the last response. Internal to http.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>

namespace http::detail {

// Sends FIN or close_notify. With `must_linger`, reads and discards the remaining client data up to
// a limit, because an earlier close sends RST, which can discard the response in flight (RFC 9112
// 9.6). Never throws. The caller enforces the deadline and closes the socket.
boost::asio::awaitable<void> close_gracefully(boost::asio::ip::tcp::socket& stream,
                                              bool must_linger);
boost::asio::awaitable<void> close_gracefully(
    boost::asio::ssl::stream<boost::asio::ip::tcp::socket>& stream, bool must_linger);

}  // namespace http::detail
