#include "http/transport.hpp"

#include <fmt/format.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/ssl/verify_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "aio/aio.hpp"

namespace http::detail {
namespace {

namespace asio = boost::asio;
using base::errc;
using base::fail;
using boost::system::error_code;
using tcp = asio::ip::tcp;

// The alerts by which a TLS peer says that it does not accept our certificate. With TLS 1.3 they
// come after the handshake, in place of the answer.
bool refuses_our_certificate(const error_code& error) {
    if (error.category() != asio::error::get_ssl_category()) return false;
    switch (ERR_GET_REASON(static_cast<unsigned long>(error.value()))) {
        case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
        case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
        case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
        case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
        case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
        case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
        case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
        case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
            return true;
        default:
            return false;
    }
}

base::failure failure_of(const error_code& error, std::string_view doing) {
    if (error == asio::error::operation_aborted) return {errc::cancelled, "cancelled"};
    if (refuses_our_certificate(error)) {
        return {errc::denied, fmt::format("{}: the peer does not accept our client certificate: {}",
                                          doing, error.message())};
    }
    return {errc::unavailable, fmt::format("{}: {}", doing, error.message())};
}

template <class Stream>
class wire_of final : public wire {
  public:
    explicit wire_of(Stream stream) : stream_(std::move(stream)) {}

    aio::task<std::size_t> read(std::span<char> into) override {
        if (co_await aio::is_cancelled()) co_return fail(errc::cancelled, "cancelled");
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
        if (co_await aio::is_cancelled()) co_return fail(errc::cancelled, "cancelled");
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

// A peer that vanished without a word (a machine that lost its power, a forgotten translation of
// addresses) is noticed after a minute, also while a stream says nothing; Linux's own time is more
// than two hours.
void look_after(tcp::socket& socket) {
    constexpr int first_seconds = 15;
    constexpr int then_seconds = 15;
    constexpr int times = 3;
    error_code ignored;
    socket.set_option(asio::socket_base::keep_alive(true), ignored);
    const auto set = [&socket](int option, int value) {
        setsockopt(socket.native_handle(), IPPROTO_TCP, option, &value, sizeof(value));
    };
    set(TCP_KEEPIDLE, first_seconds);
    set(TCP_KEEPINTVL, then_seconds);
    set(TCP_KEEPCNT, times);
}

// "db.example, 10.0.0.1": whom a certificate is for.
std::string names_of(X509* certificate) {
    std::string text;
    auto* names = static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
    for (int index = 0; index < sk_GENERAL_NAME_num(names); ++index) {
        const auto* each = sk_GENERAL_NAME_value(names, index);
        std::string one;
        if (each->type == GEN_DNS) {
            one.assign(reinterpret_cast<const char*>(ASN1_STRING_get0_data(each->d.dNSName)),
                       static_cast<std::size_t>(ASN1_STRING_length(each->d.dNSName)));
        } else if (each->type == GEN_IPADD) {
            const auto* bytes = ASN1_STRING_get0_data(each->d.iPAddress);
            if (ASN1_STRING_length(each->d.iPAddress) == 4) {
                one = fmt::format("{}.{}.{}.{}", bytes[0], bytes[1], bytes[2], bytes[3]);
            } else {
                one = "an IPv6 address";
            }
        }
        if (one.empty()) continue;
        text += (text.empty() ? "" : ", ") + one;
    }
    GENERAL_NAMES_free(names);
    return text.empty() ? "nobody" : text;
}

// The certificate must be for `name`: by its alternative names and not by its common name
// (RFC 9525). `found` will hold whom it is for when it is for somebody else.
void expect_name(asio::ssl::stream<tcp::socket>& stream, const std::string& name, bool is_address,
                 std::shared_ptr<std::string> found) {
    auto* rules = SSL_get0_param(stream.native_handle());
    if (is_address) {
        X509_VERIFY_PARAM_set1_ip_asc(rules, name.c_str());
    } else {
        X509_VERIFY_PARAM_set_hostflags(
            rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
        X509_VERIFY_PARAM_set1_host(rules, name.c_str(), 0);
    }
    error_code ignored;
    stream.set_verify_callback(
        [found = std::move(found)](bool is_good, asio::ssl::verify_context& context) {
            const auto why = X509_STORE_CTX_get_error(context.native_handle());
            if (!is_good &&
                (why == X509_V_ERR_HOSTNAME_MISMATCH || why == X509_V_ERR_IP_ADDRESS_MISMATCH)) {
                *found = names_of(X509_STORE_CTX_get0_cert(context.native_handle()));
            }
            return is_good;
        },
        ignored);
}

aio::task<std::unique_ptr<wire>> secure(tcp::socket socket, std::string origin, std::string name,
                                        std::shared_ptr<tls_setup> how) {
    asio::ssl::stream<tcp::socket> stream(std::move(socket), how->context);
    error_code error;
    asio::ip::make_address(name, error);
    const bool is_address = !error;
    // An address is no server name (RFC 6066).
    if (!is_address) SSL_set_tlsext_host_name(stream.native_handle(), name.c_str());
    const auto found = std::make_shared<std::string>();  // also owned by the verification
    if (how->verify) expect_name(stream, name, is_address, found);
    if (co_await aio::is_cancelled()) co_return fail(errc::cancelled, "cancelled", "not_sent");
    co_await stream.async_handshake(asio::ssl::stream_base::client,
                                    asio::redirect_error(asio::use_awaitable, error));
    if (!error) {
        co_return std::make_unique<wire_of<asio::ssl::stream<tcp::socket>>>(std::move(stream));
    }
    auto why = failure_of(error, "TLS handshake with " + origin);
    const auto verdict = SSL_get_verify_result(stream.native_handle());
    if (why.code != errc::cancelled && how->verify && verdict != X509_V_OK) {
        why.code = errc::denied;
        why.text = fmt::format("the certificate of {} is not trusted: {}", origin,
                               X509_verify_cert_error_string(verdict));
        if (!found->empty()) why.text += fmt::format(": it is for {} and not for {}", *found, name);
    }
    co_return std::unexpected(not_sent(std::move(why)));
}

// An address needs no look-up, which takes its turn after those of others; empty for a name.
tcp::resolver::results_type numeric_address(const http::url& origin) {
    error_code error;
    const auto address = asio::ip::make_address(origin.host, error);
    if (error) return {};
    return tcp::resolver::results_type::create(tcp::endpoint(address, origin.port), origin.host,
                                               std::to_string(origin.port));
}

}  // namespace

aio::task<std::unique_ptr<wire>> connect(url where, std::shared_ptr<tls_setup> tls) {
    const auto on = co_await asio::this_coro::executor;
    const auto origin = fmt::format("{}:{}", where.host, where.port);
    error_code error;
    auto found = numeric_address(where);
    if (found.empty()) {
        tcp::resolver resolver(on);
        found = co_await resolver.async_resolve(where.host, std::to_string(where.port),
                                                asio::redirect_error(asio::use_awaitable, error));
    }
    // A look-up takes no cancellation; one that came meanwhile is seen here.
    if (co_await aio::is_cancelled()) error = asio::error::operation_aborted;
    if (error) co_return std::unexpected(not_sent(failure_of(error, "resolve " + where.host)));
    tcp::socket socket(on);
    co_await asio::async_connect(socket, found, asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return std::unexpected(not_sent(failure_of(error, "connect to " + origin)));
    socket.set_option(tcp::no_delay(true), error);
    look_after(socket);
    if (tls == nullptr) co_return std::make_unique<wire_of<tcp::socket>>(std::move(socket));

    auto name = tls->server_name.empty() ? where.host : tls->server_name;
    co_return co_await secure(std::move(socket), origin, std::move(name), std::move(tls));
}

base::outcome<std::shared_ptr<tls_setup>> make_tls_setup(const client_tls& how) {
    auto made = std::make_shared<tls_setup>();
    made->server_name = how.server_name;
    made->verify = how.verify;
    auto& context = made->context;
    const auto bad = [](std::string_view what, const error_code& error) {
        return fail(errc::invalid, fmt::format("the {} cannot be used: {}", what, error.message()));
    };
    error_code error;
    context.set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1, error);
    if (how.verify) {
        context.set_verify_mode(asio::ssl::verify_peer, error);
        if (how.ca_pem.empty()) {
            context.set_default_verify_paths(error);
        } else {
            context.add_certificate_authority(asio::buffer(how.ca_pem), error);
        }
        if (error) return bad("CA certificate", error);
    } else {
        context.set_verify_mode(asio::ssl::verify_none, error);
    }
    if (how.certificate_pem.empty()) return made;
    // OpenSSL would ask at the terminal.
    context.set_password_callback([](std::size_t, auto) { return std::string(); }, error);
    context.use_certificate_chain(asio::buffer(how.certificate_pem), error);
    if (error) return bad("client certificate", error);
    context.use_private_key(asio::buffer(how.private_key_pem.reveal()), asio::ssl::context::pem,
                            error);
    if (error) return bad("client key", error);
    return made;
}

}  // namespace http::detail
