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
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/ssl/verify_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "aio/aio.hpp"
#include "http/private_key.hpp"

namespace http {

struct tls_setup {
    boost::asio::ssl::context context{boost::asio::ssl::context::tls_client};
    std::string server_name;  // empty: the host of the origin
    bool verify = true;
};

namespace {

namespace asio = boost::asio;
using base::errc;
using base::fail;
using boost::system::error_code;
using tcp = asio::ip::tcp;

// Returns whether the error is an alert that rejects the client certificate. With TLS 1.3 the alert
// arrives after the handshake, instead of the response.
bool is_client_certificate_rejected(const error_code& error) {
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

base::failure to_failure(const error_code& error, std::string_view activity) {
    if (error == asio::error::operation_aborted) return {errc::cancelled, "cancelled"};
    if (is_client_certificate_rejected(error)) {
        return {errc::denied, fmt::format("{}: the server rejected the client certificate: {}",
                                          activity, error.message())};
    }
    return {errc::unavailable, fmt::format("{}: {}", activity, error.message())};
}

template <class Stream>
class transport_of final : public transport {
  public:
    explicit transport_of(Stream stream) : stream_(std::move(stream)) {}

    aio::task<std::size_t> read(std::span<char> out) override {
        if (co_await aio::is_cancelled()) co_return fail(errc::cancelled, "cancelled");
        error_code error;
        const auto size = co_await stream_.async_read_some(
            asio::buffer(out.data(), out.size()), asio::redirect_error(asio::use_awaitable, error));
        if (!error) co_return size;
        // Many TLS servers close without close_notify. The length of the message shows whether
        // bytes are missing.
        if (error == asio::error::eof || error == asio::ssl::error::stream_truncated) {
            co_return std::size_t(0);
        }
        co_return std::unexpected(to_failure(error, "read"));
    }

    aio::task<> write(std::string_view head, std::string_view body) override {
        if (co_await aio::is_cancelled()) co_return fail(errc::cancelled, "cancelled");
        const std::array<asio::const_buffer, 2> parts{asio::buffer(head.data(), head.size()),
                                                      asio::buffer(body.data(), body.size())};
        error_code error;
        co_await asio::async_write(stream_, parts,
                                   asio::redirect_error(asio::use_awaitable, error));
        if (error) co_return std::unexpected(to_failure(error, "write"));
        co_return base::ok();
    }

  private:
    Stream stream_;
};

base::failure not_sent(base::failure failure) {
    failure.set_cause(failure_cause::not_sent);
    return failure;
}

// Detects a lost peer (power failure, expired NAT entry) within a minute, also on a silent stream.
// The default of Linux is more than two hours.
void enable_keepalive(tcp::socket& socket) {
    constexpr int idle_seconds = 15;
    constexpr int interval_seconds = 15;
    constexpr int probes_max = 3;
    error_code ignored;
    socket.set_option(asio::socket_base::keep_alive(true), ignored);
    const auto set = [&socket](int option, int value) {
        setsockopt(socket.native_handle(), IPPROTO_TCP, option, &value, sizeof(value));
    };
    set(TCP_KEEPIDLE, idle_seconds);
    set(TCP_KEEPINTVL, interval_seconds);
    set(TCP_KEEPCNT, probes_max);
}

// Returns the subject alternative names of a certificate: "db.example, 10.0.0.1".
std::string subject_names(X509* certificate) {
    std::string text;
    auto* names = static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
    for (int index = 0; index < sk_GENERAL_NAME_num(names); ++index) {
        const auto* each = sk_GENERAL_NAME_value(names, index);
        std::string name_text;
        if (each->type == GEN_DNS) {
            name_text.assign(reinterpret_cast<const char*>(ASN1_STRING_get0_data(each->d.dNSName)),
                             static_cast<std::size_t>(ASN1_STRING_length(each->d.dNSName)));
        } else if (each->type == GEN_IPADD) {
            const auto* bytes = ASN1_STRING_get0_data(each->d.iPAddress);
            if (ASN1_STRING_length(each->d.iPAddress) == 4) {
                name_text = fmt::format("{}.{}.{}.{}", bytes[0], bytes[1], bytes[2], bytes[3]);
            } else {
                name_text = "an IPv6 address";
            }
        }
        if (name_text.empty()) continue;
        text += (text.empty() ? "" : ", ") + name_text;
    }
    GENERAL_NAMES_free(names);
    return text.empty() ? "no host" : text;
}

// Requires a certificate whose alternative names include `name`. The common name does not count
// (RFC 9525). Stores the names of a certificate for another host in `actual_names`.
void expect_name(asio::ssl::stream<tcp::socket>& stream, const std::string& name, bool is_address,
                 std::shared_ptr<std::string> actual_names) {
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
        [actual_names = std::move(actual_names)](bool is_good, asio::ssl::verify_context& context) {
            const auto verify_error = X509_STORE_CTX_get_error(context.native_handle());
            if (!is_good && (verify_error == X509_V_ERR_HOSTNAME_MISMATCH ||
                             verify_error == X509_V_ERR_IP_ADDRESS_MISMATCH)) {
                *actual_names = subject_names(X509_STORE_CTX_get0_cert(context.native_handle()));
            }
            return is_good;
        },
        ignored);
}

aio::task<std::unique_ptr<transport>> secure(tcp::socket socket, std::string origin,
                                             std::string name, std::shared_ptr<tls_setup> setup) {
    asio::ssl::stream<tcp::socket> stream(std::move(socket), setup->context);
    error_code error;
    asio::ip::make_address(name, error);
    const bool is_address = !error;
    // SNI must not be an IP address (RFC 6066).
    if (!is_address) SSL_set_tlsext_host_name(stream.native_handle(), name.c_str());
    const auto actual_names =
        std::make_shared<std::string>();  // shared with the verification callback
    if (setup->verify) expect_name(stream, name, is_address, actual_names);
    if (co_await aio::is_cancelled())
        co_return fail(errc::cancelled, "cancelled", failure_cause::not_sent);
    co_await stream.async_handshake(asio::ssl::stream_base::client,
                                    asio::redirect_error(asio::use_awaitable, error));
    if (!error) {
        co_return std::make_unique<transport_of<asio::ssl::stream<tcp::socket>>>(std::move(stream));
    }
    auto failure = to_failure(error, "TLS handshake with " + origin);
    const auto verdict = SSL_get_verify_result(stream.native_handle());
    if (failure.code != errc::cancelled && setup->verify && verdict != X509_V_OK) {
        failure.code = errc::denied;
        failure.text = fmt::format("the certificate of {} is not trusted: {}", origin,
                                   X509_verify_cert_error_string(verdict));
        if (!actual_names->empty())
            failure.text += fmt::format(": issued for {}, expected {}", *actual_names, name);
    }
    co_return std::unexpected(not_sent(std::move(failure)));
}

// Returns the endpoint of a numeric host, which needs no lookup in the shared resolver queue.
// Empty for a name.
tcp::resolver::results_type numeric_address(const http::url& origin) {
    error_code error;
    const auto address = asio::ip::make_address(origin.host, error);
    if (error) return {};
    return tcp::resolver::results_type::create(tcp::endpoint(address, origin.port), origin.host,
                                               std::to_string(origin.port));
}

}  // namespace

aio::task<std::unique_ptr<transport>> connect(url origin, std::shared_ptr<tls_setup> tls) {
    const auto executor = co_await asio::this_coro::executor;
    const auto address = fmt::format("{}:{}", origin.host, origin.port);
    error_code error;
    auto endpoints = numeric_address(origin);
    if (endpoints.empty()) {
        tcp::resolver resolver(executor);
        endpoints =
            co_await resolver.async_resolve(origin.host, std::to_string(origin.port),
                                            asio::redirect_error(asio::use_awaitable, error));
    }
    // A lookup cannot be cancelled, so the cancellation is checked after it.
    if (co_await aio::is_cancelled()) error = asio::error::operation_aborted;
    if (error) co_return std::unexpected(not_sent(to_failure(error, "resolve " + origin.host)));
    tcp::socket socket(executor);
    co_await asio::async_connect(socket, endpoints,
                                 asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return std::unexpected(not_sent(to_failure(error, "connect to " + address)));
    socket.set_option(tcp::no_delay(true), error);
    enable_keepalive(socket);
    if (tls == nullptr) co_return std::make_unique<transport_of<tcp::socket>>(std::move(socket));

    auto name = tls->server_name.empty() ? origin.host : tls->server_name;
    co_return co_await secure(std::move(socket), address, std::move(name), std::move(tls));
}

base::outcome<std::shared_ptr<tls_setup>> make_tls_setup(const client_tls& settings) {
    auto setup = std::make_shared<tls_setup>();
    setup->server_name = settings.server_name;
    setup->verify = settings.verify;
    auto& context = setup->context;
    const auto unusable = [](std::string_view material, const error_code& error) {
        return fail(errc::invalid, fmt::format("unusable {}: {}", material, error.message()));
    };
    error_code error;
    context.set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1, error);
    if (settings.verify) {
        context.set_verify_mode(asio::ssl::verify_peer, error);
        if (settings.ca_pem.empty()) {
            context.set_default_verify_paths(error);
        } else {
            context.add_certificate_authority(asio::buffer(settings.ca_pem), error);
        }
        if (error) return unusable("CA certificate", error);
    } else {
        context.set_verify_mode(asio::ssl::verify_none, error);
    }
    if (settings.certificate_pem.empty()) return setup;
    // Without a callback OpenSSL prompts on the terminal.
    context.set_password_callback([](std::size_t, auto) { return std::string(); }, error);
    context.use_certificate_chain(asio::buffer(settings.certificate_pem), error);
    if (error) return unusable("client certificate", error);
    error = detail::use_private_key(context, settings.private_key_pem.reveal());
    if (error) return unusable("client key", error);
    return setup;
}

}  // namespace http
