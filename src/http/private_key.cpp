#include "http/private_key.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <boost/asio/ssl/error.hpp>

namespace http::detail {

namespace asio = boost::asio;
using boost::system::error_code;

error_code use_private_key(asio::ssl::context& context, std::string_view pem) {
    error_code error;
    context.use_private_key(asio::buffer(pem), asio::ssl::context::pem, error);
    if (error) return error;
    // OpenSSL compares the key with a certificate of the same key type only: an EC key next to an
    // RSA certificate would fail in each handshake.
    ERR_clear_error();
    if (SSL_CTX_check_private_key(context.native_handle()) == 1) return {};
    return {static_cast<int>(ERR_get_error()), asio::error::get_ssl_category()};
}

}  // namespace http::detail
