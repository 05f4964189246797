#include "http/graceful_close.hpp"

#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace http::detail {

namespace asio = boost::asio;
using asio::awaitable;
using tcp = asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::size_t linger_bytes_max = 4 * 1024 * 1024;

}  // namespace

awaitable<void> close_gracefully(tcp::socket& stream, bool must_linger) {
    error_code error;
    stream.shutdown(tcp::socket::shutdown_send, error);
    if (error || !must_linger) co_return;
    std::array<char, 16 * 1024> bytes{};
    for (std::size_t discarded = 0; discarded <= linger_bytes_max;) {
        const auto size = co_await stream.async_read_some(
            asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, error));
        if (error) co_return;
        discarded += size;
    }
}

// Discards the bytes after our close_notify without decrypting them.
awaitable<void> close_gracefully(asio::ssl::stream<tcp::socket>& stream, bool must_linger) {
    error_code ignored;
    co_await stream.async_shutdown(asio::redirect_error(asio::use_awaitable, ignored));
    co_await close_gracefully(stream.next_layer(), must_linger);
}

}  // namespace http::detail
