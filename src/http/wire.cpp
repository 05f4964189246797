#include "http/wire.hpp"

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace http::detail {
namespace {

namespace asio = boost::asio;
using base::errc;
using base::fail;
using boost::system::error_code;
using tcp = asio::ip::tcp;

base::failure failure_of(const error_code& error, std::string_view doing) {
    if (error == asio::error::operation_aborted) return {errc::cancelled, "cancelled"};
    return {errc::unavailable, fmt::format("{}: {}", doing, error.message())};
}

template <class Stream>
class wire_of final : public wire {
  public:
    explicit wire_of(Stream stream) : stream_(std::move(stream)) {}

    aio::task<std::size_t> read(std::span<char> into) override {
        error_code fault;
        const auto size =
            co_await stream_.async_read_some(asio::buffer(into.data(), into.size()),
                                             asio::redirect_error(asio::use_awaitable, fault));
        if (!fault) co_return size;
        // A TLS peer that closes without a farewell is seen often; the message's length tells
        // whether something is missing.
        if (fault == asio::error::eof || fault == asio::ssl::error::stream_truncated) {
            co_return std::size_t(0);
        }
        co_return std::unexpected(failure_of(fault, "read"));
    }

    aio::task<> write(std::string_view head, std::string_view body) override {
        const std::array<asio::const_buffer, 2> parts{asio::buffer(head.data(), head.size()),
                                                      asio::buffer(body.data(), body.size())};
        error_code error;
        co_await asio::async_write(stream_, parts,
                                   asio::redirect_error(asio::use_awaitable, error));
        if (error) co_return std::unexpected(failure_of(error, "write"));
        co_return base::outcome<void>{};
    }

  private:
    Stream stream_;
};

base::failure not_sent(base::failure why) {
    why.reason = "not_sent";
    return why;
}

}  // namespace

aio::task<std::unique_ptr<wire>> connect(const client_options& how, asio::ssl::context* tls) {
    const auto on = co_await asio::this_coro::executor;
    const auto origin = fmt::format("{}:{}", how.origin.host, how.origin.port);
    error_code error;
    tcp::resolver resolver(on);
    const auto found =
        co_await resolver.async_resolve(how.origin.host, std::to_string(how.origin.port),
                                        asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return std::unexpected(not_sent(failure_of(error, "resolve " + how.origin.host)));
    tcp::socket socket(on);
    co_await asio::async_connect(socket, found, asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return std::unexpected(not_sent(failure_of(error, "connect to " + origin)));
    socket.set_option(tcp::no_delay(true), error);
    socket.set_option(asio::socket_base::keep_alive(true), error);
    if (tls == nullptr) co_return std::make_unique<wire_of<tcp::socket>>(std::move(socket));

    asio::ssl::stream<tcp::socket> stream(std::move(socket), *tls);
    const auto& name = how.tls->server_name.empty() ? how.origin.host : how.tls->server_name;
    SSL_set_tlsext_host_name(stream.native_handle(), name.c_str());
    if (how.tls->verify) {
        stream.set_verify_callback(asio::ssl::host_name_verification(name), error);
    }
    co_await stream.async_handshake(asio::ssl::stream_base::client,
                                    asio::redirect_error(asio::use_awaitable, error));
    if (error) {
        auto why = failure_of(error, "TLS handshake with " + origin);
        if (SSL_get_verify_result(stream.native_handle()) != X509_V_OK) {
            why.code = errc::denied;
            why.text =
                fmt::format("the certificate of {} is not trusted: {}", origin, error.message());
        }
        co_return std::unexpected(not_sent(std::move(why)));
    }
    co_return std::make_unique<wire_of<asio::ssl::stream<tcp::socket>>>(std::move(stream));
}

base::outcome<std::unique_ptr<asio::ssl::context>> make_tls_context(const client_tls& how) {
    auto made = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_client);
    const auto bad = [](std::string_view what, const error_code& error) {
        return fail(errc::invalid, fmt::format("the {} cannot be used: {}", what, error.message()));
    };
    error_code error;
    made->set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1, error);
    if (how.verify) {
        made->set_verify_mode(asio::ssl::verify_peer, error);
        if (how.ca_pem.empty()) {
            made->set_default_verify_paths(error);
        } else {
            made->add_certificate_authority(asio::buffer(how.ca_pem), error);
        }
        if (error) return bad("CA certificate", error);
    } else {
        made->set_verify_mode(asio::ssl::verify_none, error);
    }
    if (how.certificate_pem.empty()) return made;
    made->use_certificate_chain(asio::buffer(how.certificate_pem), error);
    if (error) return bad("client certificate", error);
    made->use_private_key(asio::buffer(how.private_key_pem.reveal()), asio::ssl::context::pem,
                          error);
    if (error) return bad("client key", error);
    return made;
}

}  // namespace http::detail
