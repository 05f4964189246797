#pragma once
// Puts a private key into a TLS context. Usable on every thread.

#include <boost/asio/ssl/context.hpp>
#include <boost/system/error_code.hpp>
#include <string_view>

namespace http::detail {

// Uses the key (PEM) for the certificate that the context already has.
// Errors: of OpenSSL (no key, a key with another password, or the key of another certificate).
boost::system::error_code use_private_key(boost::asio::ssl::context& context, std::string_view pem);

}  // namespace http::detail
