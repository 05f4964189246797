// TLS between the client and the server of this module, with generated certificates.

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>
#include <fstream>

#include "aio/block_on.hpp"
#include "http/client.hpp"
#include "http/server.hpp"
#include "test/support/certificates.hpp"

namespace {

using base::errc;
using fakes::certificate_authority;
using fakes::credentials_pem;

class plain_handler final : public http::handler {
  public:
    std::optional<http::outgoing_response> handle_now(http::request& incoming) override {
        return http::outgoing_response{
            .response = {.status = 200, .body = http::body(incoming.secure ? "secure" : "plain")}};
    }
    boost::asio::awaitable<http::outgoing_response> handle(http::request) override {
        co_return http::outgoing_response{};
    }
    http::outgoing_response error_response(unsigned status, std::string_view) override {
        return {.response = {.status = status}};
    }
};

class tls : public testing::Test {
  public:
    ~tls() override { std::filesystem::remove_all(folder_); }

  protected:
    tls() {
        folder_ = std::filesystem::path(testing::TempDir()) /
                  ("dbaas-tls-" + std::to_string(getpid()) + "-" +
                   testing::UnitTest::GetInstance()->current_test_info()->name());
        std::filesystem::create_directories(folder_);
    }
    std::string write_file(const std::string& name, const std::string& text) {
        std::ofstream(folder_ / name) << text;
        return (folder_ / name).string();
    }
    // Starts a server with the certificate. Requires client certificates if `client_ca_pem` is set.
    void serve(const credentials_pem& certificate, const std::string& client_ca_pem = {},
               http::server_options options = {}) {
        http::tls_files files{
            .certificate_chain = write_file("server.crt", certificate.certificate),
            .private_key = write_file("server.key", certificate.private_key)};
        if (!client_ca_pem.empty()) files.client_ca = write_file("clients.crt", client_ca_pem);
        options.tls = files;
        auto started = http::start_server(
            options, [](aio::executor) { return std::make_unique<plain_handler>(); });
        ASSERT_TRUE(started) << started.error().text;
        server_ = std::move(*started);
    }
    base::outcome<std::string> exchange(http::client_tls settings, std::string host = "127.0.0.1") {
        auto work = [](std::string hostname, std::uint16_t port,
                       http::client_tls tls_settings) -> aio::task<std::string> {
            const auto executor = co_await aio::this_executor();
            auto created = http::make_client(
                executor, {.origin = {.secure = true, .host = std::move(hostname), .port = port},
                           .tls = std::move(tls_settings)});
            if (!created) co_return base::pass(std::move(created));
            auto response = co_await (*created)->send({.target = "/"}, {});
            if (!response) co_return base::pass(std::move(response));
            co_return response->body.to_string();
        };
        return aio::block_on(work(std::move(host), server_->port(), std::move(settings)));
    }
    // Expects a failure that names the server, contains `detail` and has the cause not_sent.
    static void expect_untrusted(const base::outcome<std::string>& result,
                                 std::string_view detail) {
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, errc::denied) << result.error().text;
        EXPECT_EQ(result.error().cause, http::failure_cause::not_sent);
        EXPECT_NE(result.error().text.find(detail), std::string::npos) << result.error().text;
        EXPECT_NE(result.error().text.find(':'), std::string::npos) << result.error().text;
    }

    const certificate_authority authority_{"ca"};
    const certificate_authority other_authority_{"other ca"};
    std::filesystem::path folder_;
    std::unique_ptr<http::server> server_;
};

TEST_F(tls, trusts_a_certificate_of_the_given_ca_for_the_address) {
    serve(authority_.issue({.hosts = {"127.0.0.1"}}));
    EXPECT_EQ(exchange({.ca_pem = authority_.pem()}).value(), "secure");
    // A bundle of two CAs, as during a rotation.
    EXPECT_EQ(exchange({.ca_pem = other_authority_.pem() + authority_.pem()}).value(), "secure");
}

TEST_F(tls, rejects_a_certificate_of_another_ca) {
    serve(authority_.issue({.hosts = {"127.0.0.1"}}));
    expect_untrusted(exchange({.ca_pem = other_authority_.pem()}),
                     "unable to get local issuer certificate");
    expect_untrusted(exchange({}),
                     "unable to get local issuer certificate");  // the system trust store
}

TEST_F(tls, rejects_a_certificate_for_another_host_and_names_both) {
    serve(authority_.issue({.hosts = {"db.example", "10.0.0.1"}}));
    const auto response = exchange({.ca_pem = authority_.pem()});
    expect_untrusted(response, "IP address mismatch");
    expect_untrusted(response, "127.0.0.1");
    expect_untrusted(response, "db.example, 10.0.0.1");
    expect_untrusted(exchange({.ca_pem = authority_.pem(), .server_name = "other.example"}),
                     "hostname mismatch");
}

// RFC 9525: the common name does not identify the host.
TEST_F(tls, ignores_the_common_name) {
    serve(authority_.issue({.common_name = "db.example"}));
    expect_untrusted(exchange({.ca_pem = authority_.pem(), .server_name = "db.example"}),
                     "hostname mismatch");
}

TEST_F(tls, verifies_the_configured_server_name) {
    serve(authority_.issue({.hosts = {"db.example", "*.wild.example"}}));
    for (const auto* name : {"db.example", "a.wild.example"}) {
        EXPECT_EQ(exchange({.ca_pem = authority_.pem(), .server_name = name}).value(), "secure");
    }
    expect_untrusted(exchange({.ca_pem = authority_.pem(), .server_name = "a.b.wild.example"}),
                     "hostname mismatch");
}

TEST_F(tls, rejects_an_expired_certificate) {
    serve(authority_.issue({.hosts = {"127.0.0.1"}, .has_expired = true}));
    expect_untrusted(exchange({.ca_pem = authority_.pem()}), "certificate has expired");
}

TEST_F(tls, accepts_any_certificate_without_verification) {
    serve(other_authority_.issue({.hosts = {"elsewhere"}, .has_expired = true}));
    EXPECT_EQ(exchange({.ca_pem = authority_.pem(), .verify = false}).value(), "secure");
}

TEST_F(tls, sends_the_client_certificate_on_request) {
    serve(authority_.issue({.hosts = {"127.0.0.1"}}), authority_.pem());
    const auto client_credentials = authority_.issue({.common_name = "platform"});
    EXPECT_EQ(exchange({.ca_pem = authority_.pem(),
                        .certificate_pem = client_credentials.certificate,
                        .private_key_pem = base::secret(client_credentials.private_key)})
                  .value(),
              "secure");
}

// With TLS 1.3 the alert arrives after the handshake, instead of the response.
TEST_F(tls, reports_a_rejected_client_certificate) {
    serve(authority_.issue({.hosts = {"127.0.0.1"}}), authority_.pem());
    const auto none = exchange({.ca_pem = authority_.pem()});
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, errc::denied) << none.error().text;
    EXPECT_NE(none.error().text.find("certificate required"), std::string::npos)
        << none.error().text;
    for (const auto& wrong :
         {other_authority_.issue({}), authority_.issue({.has_expired = true})}) {
        const auto response = exchange({.ca_pem = authority_.pem(),
                                        .certificate_pem = wrong.certificate,
                                        .private_key_pem = base::secret(wrong.private_key)});
        ASSERT_FALSE(response);
        EXPECT_EQ(response.error().code, errc::denied) << response.error().text;
        EXPECT_NE(response.error().text.find("client certificate"), std::string::npos)
            << response.error().text;
    }
}

// As after a rotation of the CA or of the client certificate.
TEST_F(tls, use_tls_replaces_ca_and_client_certificate) {
    serve(authority_.issue({.hosts = {"127.0.0.1"}}), authority_.pem());
    auto work = [](std::uint16_t port, const certificate_authority& good,
                   const certificate_authority& bad) -> aio::task<> {
        const auto executor = co_await aio::this_executor();
        const auto client_credentials = good.issue({});
        const http::client_tls valid_settings{
            .ca_pem = good.pem(),
            .certificate_pem = client_credentials.certificate,
            .private_key_pem = base::secret(client_credentials.private_key)};
        auto created = http::make_client(
            executor, {.origin = {.secure = true, .host = "127.0.0.1", .port = port},
                       .tls = http::client_tls{.ca_pem = bad.pem()}});
        if (!created) co_return base::pass(std::move(created));
        auto& client = **created;
        auto response = co_await client.send({.target = "/"}, {});
        EXPECT_EQ(response.error().code, errc::denied);
        EXPECT_TRUE(client.use_tls(valid_settings));
        response = co_await client.send({.target = "/"}, {});
        EXPECT_TRUE(response) << response.error().text;
        EXPECT_EQ(client.use_tls({.ca_pem = "not a certificate"}).error().code, errc::invalid);
        response = co_await client.send({.target = "/"}, {});  // on the pooled connection
        EXPECT_TRUE(response) << response.error().text;
        EXPECT_TRUE(client.use_tls({.ca_pem = bad.pem()}));
        response = co_await client.send({.target = "/"}, {});
        EXPECT_FALSE(response);  // the pooled connection is not reused
        co_return base::ok();
    };
    const auto done = aio::block_on(work(server_->port(), authority_, other_authority_));
    EXPECT_TRUE(done) << done.error().text;
    EXPECT_EQ(server_->counters().connections_total, 3U);
}

TEST_F(tls, rejects_unusable_pem) {
    serve(authority_.issue({.hosts = {"127.0.0.1"}}));
    const auto one = authority_.issue({});
    const auto other = authority_.issue({.key_password = "s3cret"});
    const auto expect_invalid = [&](const http::client_tls& settings, std::string_view field) {
        const auto response = exchange(settings);
        ASSERT_FALSE(response);
        EXPECT_EQ(response.error().code, errc::invalid) << response.error().text;
        EXPECT_NE(response.error().text.find(field), std::string::npos) << response.error().text;
    };
    expect_invalid({.ca_pem = "no certificate"}, "CA certificate");
    expect_invalid({.ca_pem = authority_.pem(), .certificate_pem = "none"}, "client certificate");
    expect_invalid({.ca_pem = authority_.pem(),
                    .certificate_pem = one.certificate,
                    .private_key_pem = base::secret("none")},
                   "client key");
    expect_invalid({.ca_pem = authority_.pem(),
                    .certificate_pem = one.certificate,
                    .private_key_pem = base::secret(authority_.issue({}).private_key)},
                   "mismatch");
    expect_invalid(
        {.ca_pem = authority_.pem(),
         .certificate_pem = one.certificate,
         .private_key_pem = base::secret(authority_.issue({.has_rsa_key = true}).private_key)},
        "client key");
    // A key with a password is unusable.
    expect_invalid({.ca_pem = authority_.pem(),
                    .certificate_pem = other.certificate,
                    .private_key_pem = base::secret(other.private_key)},
                   "client key");
}

TEST_F(tls, reports_a_server_without_tls) {
    auto started =
        http::start_server({}, [](aio::executor) { return std::make_unique<plain_handler>(); });
    ASSERT_TRUE(started);
    server_ = std::move(*started);
    const auto response = exchange({.ca_pem = authority_.pem()});
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code, errc::unavailable);
    EXPECT_NE(response.error().text.find("TLS handshake"), std::string::npos)
        << response.error().text;
}

// Unread bytes would cause a reset, which can discard the response in flight.
TEST_F(tls, error_response_arrives_although_the_client_sends_more) {
    namespace ssl = boost::asio::ssl;
    serve(authority_.issue({.hosts = {"127.0.0.1"}}));
    boost::asio::io_context context;
    ssl::context trust(ssl::context::tls_client);
    ssl::stream<boost::asio::ip::tcp::socket> client(context, trust);
    client.next_layer().connect({boost::asio::ip::make_address("127.0.0.1"), server_->port()});
    client.handshake(ssl::stream_base::client);
    const auto whole = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n" +
                       std::string(3'000'000, 'x');
    boost::system::error_code error;
    boost::asio::write(client, boost::asio::buffer(whole), error);
    EXPECT_FALSE(error) << error.message();
    std::string received;
    boost::asio::read(client, boost::asio::dynamic_buffer(received), error);
    EXPECT_EQ(error, boost::asio::error::eof) << error.message();
    EXPECT_TRUE(received.starts_with("HTTP/1.1 413")) << received;
}

TEST_F(tls, server_closes_a_connection_without_handshake) {
    using tcp = boost::asio::ip::tcp;
    serve(authority_.issue({}), {}, {.header_timeout = std::chrono::milliseconds(20)});
    boost::asio::io_context context;
    tcp::socket silent(context);
    silent.connect({boost::asio::ip::make_address("127.0.0.1"), server_->port()});
    boost::system::error_code error;
    std::string received;
    boost::asio::read(silent, boost::asio::dynamic_buffer(received), error);
    EXPECT_EQ(error, boost::asio::error::eof);
}

TEST_F(tls, server_uses_a_new_certificate_for_new_connections) {
    const certificate_authority next("next");
    serve(authority_.issue({.hosts = {"127.0.0.1"}}));
    EXPECT_EQ(server_->reload_certificate(), false);  // unchanged
    EXPECT_EQ(exchange({.ca_pem = authority_.pem()}), "secure");
    const auto fresh = next.issue({.hosts = {"127.0.0.1"}});
    write_file("server.crt", fresh.certificate);
    write_file("server.key", fresh.private_key);
    EXPECT_EQ(server_->reload_certificate(), true);
    EXPECT_EQ(exchange({.ca_pem = next.pem()}), "secure");
    EXPECT_FALSE(exchange({.ca_pem = authority_.pem()}));
}

TEST_F(tls, server_keeps_its_certificate_while_the_new_pair_is_broken) {
    const certificate_authority next("next");
    const auto fresh = next.issue({.hosts = {"127.0.0.1"}});
    serve(authority_.issue({.hosts = {"127.0.0.1"}}));
    const auto expect_kept = [this](std::string_view name) {
        const auto reloaded = server_->reload_certificate();
        ASSERT_FALSE(reloaded);
        EXPECT_EQ(reloaded.error().code, errc::invalid);
        EXPECT_NE(reloaded.error().text.find(name), std::string::npos) << reloaded.error().text;
        EXPECT_EQ(exchange({.ca_pem = authority_.pem()}), "secure");
    };
    write_file("server.crt", fresh.certificate);  // without its key yet
    expect_kept("server.key");
    write_file("server.key", "half a k");
    expect_kept("server.key");
    // The key that is in use has another type than the new certificate.
    const auto other_type = next.issue({.hosts = {"127.0.0.1"}, .has_rsa_key = true});
    write_file("server.key", fresh.private_key);
    write_file("server.crt", other_type.certificate);
    expect_kept("server.key");
    write_file("server.key", other_type.private_key);
    write_file("server.crt", fresh.certificate);
    expect_kept("server.key");
    std::filesystem::remove(folder_ / "server.crt");
    expect_kept("server.crt");
    write_file("server.crt", fresh.certificate);
    write_file("server.key", fresh.private_key);
    EXPECT_EQ(server_->reload_certificate(), true);
    EXPECT_EQ(exchange({.ca_pem = next.pem()}), "secure");
}

TEST_F(tls, server_names_the_unusable_file) {
    const auto good = authority_.issue({});
    const auto start = [](http::tls_files files) {
        return http::start_server({.tls = std::move(files)},
                                  [](aio::executor) { return std::make_unique<plain_handler>(); });
    };
    const auto chain = write_file("a.crt", good.certificate);
    const auto key = write_file("a.key", good.private_key);
    const auto wrong = write_file("wrong.pem", "nothing");
    for (const auto& files : {http::tls_files{wrong, key, {}}, http::tls_files{chain, wrong, {}},
                              http::tls_files{chain, key, wrong}}) {
        const auto result = start(files);
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, errc::invalid);
        EXPECT_NE(result.error().text.find(wrong), std::string::npos) << result.error().text;
    }
}

}  // namespace
