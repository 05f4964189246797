#pragma once
// The end of a connection behind its last answer. Inside http only.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>

namespace http::detail {

// Says that nothing more comes. With `must_linger` what the client still sends is taken in, to its
// end or a limit: closing before would be a reset, which destroys the answer on its way
// (RFC 9112 9.6). Never throws; the caller has the deadline, and closes the socket.
boost::asio::awaitable<void> close_gracefully(boost::asio::ip::tcp::socket& stream,
                                              bool must_linger);
boost::asio::awaitable<void> close_gracefully(
    boost::asio::ssl::stream<boost::asio::ip::tcp::socket>& stream, bool must_linger);

}  // namespace http::detail
