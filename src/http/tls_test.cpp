// TLS between this module's client and this module's server, with certificates made on the spot.

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

class polite_handler final : public http::handler {
  public:
    std::optional<http::outgoing_response> handle_now(http::request& incoming) override {
        return http::outgoing_response{
            .response = {.status = 200, .body = http::body(incoming.secure ? "secure" : "plain")}};
    }
    boost::asio::awaitable<http::outgoing_response> handle(http::request) override {
        co_return http::outgoing_response{};
    }
    http::outgoing_response refuse(unsigned status, std::string_view) override {
        return {.response = {.status = status}};
    }
};

class tls : public testing::Test {
  protected:
    tls() {
        folder_ = std::filesystem::path(testing::TempDir()) /
                  ("dbaas-tls-" + std::to_string(getpid()) + "-" +
                   testing::UnitTest::GetInstance()->current_test_info()->name());
        std::filesystem::create_directories(folder_);
    }
    ~tls() override { std::filesystem::remove_all(folder_); }

    std::string keep(const std::string& name, const std::string& text) {
        std::ofstream(folder_ / name) << text;
        return (folder_ / name).string();
    }
    // A server that shows this certificate, and asks for one of `clients_of` when that is given.
    void serve(const credentials_pem& shown, const std::string& clients_of = {},
               http::server_options how = {}) {
        http::tls_files files{.certificate_chain = keep("server.crt", shown.certificate),
                              .private_key = keep("server.key", shown.private_key)};
        if (!clients_of.empty()) files.client_ca = keep("clients.crt", clients_of);
        how.tls = files;
        auto started = http::start_server(
            how, [](aio::executor) { return std::make_unique<polite_handler>(); });
        ASSERT_TRUE(started) << started.error().text;
        server_ = std::move(*started);
    }
    base::outcome<std::string> ask(http::client_tls how, std::string host = "127.0.0.1") {
        auto work = [](std::string to, std::uint16_t port,
                       http::client_tls with) -> aio::task<std::string> {
            const auto on = co_await aio::this_executor();
            auto made = http::make_client(
                on, {.origin = {.secure = true, .host = std::move(to), .port = port},
                     .tls = std::move(with)});
            if (!made) co_return base::pass(std::move(made));
            auto got = co_await (*made)->send({.target = "/"}, {});
            if (!got) co_return base::pass(std::move(got));
            co_return got->body.to_string();
        };
        return aio::block_on(work(std::move(host), server_->port(), std::move(how)));
    }
    // A refusal that names the peer and says `why`, and that nothing was sent.
    static void expect_distrust(const base::outcome<std::string>& got, std::string_view why) {
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().code, errc::denied) << got.error().text;
        EXPECT_EQ(got.error().reason, "not_sent");
        EXPECT_NE(got.error().text.find(why), std::string::npos) << got.error().text;
        EXPECT_NE(got.error().text.find(":"), std::string::npos) << got.error().text;
    }

    const certificate_authority authority_{"the authority"};
    const certificate_authority stranger_{"a stranger"};
    std::filesystem::path folder_;
    std::unique_ptr<http::server> server_;
};

TEST_F(tls, believes_a_certificate_of_the_given_authority_for_this_address) {
    serve(authority_.issue({.hosts = {"127.0.0.1"}}));
    EXPECT_EQ(ask({.ca_pem = authority_.pem()}).value(), "secure");
    // A bundle, as while an authority is being replaced.
    EXPECT_EQ(ask({.ca_pem = stranger_.pem() + authority_.pem()}).value(), "secure");
}

TEST_F(tls, refuses_a_certificate_of_another_authority) {
    serve(authority_.issue({.hosts = {"127.0.0.1"}}));
    expect_distrust(ask({.ca_pem = stranger_.pem()}), "unable to get local issuer certificate");
    expect_distrust(ask({}), "unable to get local issuer certificate");  // the system's authorities
}

TEST_F(tls, refuses_a_certificate_for_another_host_and_names_both) {
    serve(authority_.issue({.hosts = {"db.example", "10.0.0.1"}}));
    const auto got = ask({.ca_pem = authority_.pem()});
    expect_distrust(got, "IP address mismatch");
    expect_distrust(got, "127.0.0.1");
    expect_distrust(got, "db.example, 10.0.0.1");
    expect_distrust(ask({.ca_pem = authority_.pem(), .server_name = "other.example"}),
                    "hostname mismatch");
}

// RFC 9525: a common name is no host name.
TEST_F(tls, does_not_take_the_common_name_for_a_host) {
    serve(authority_.issue({.common_name = "db.example"}));
    expect_distrust(ask({.ca_pem = authority_.pem(), .server_name = "db.example"}),
                    "hostname mismatch");
}

TEST_F(tls, verifies_the_server_name_that_it_is_told) {
    serve(authority_.issue({.hosts = {"db.example", "*.wild.example"}}));
    for (const auto* name : {"db.example", "a.wild.example"}) {
        EXPECT_EQ(ask({.ca_pem = authority_.pem(), .server_name = name}).value(), "secure");
    }
    expect_distrust(ask({.ca_pem = authority_.pem(), .server_name = "a.b.wild.example"}),
                    "hostname mismatch");
}

TEST_F(tls, refuses_a_certificate_that_has_expired) {
    serve(authority_.issue({.hosts = {"127.0.0.1"}, .has_expired = true}));
    expect_distrust(ask({.ca_pem = authority_.pem()}), "certificate has expired");
}

TEST_F(tls, believes_everything_when_told_not_to_verify) {
    serve(stranger_.issue({.hosts = {"elsewhere"}, .has_expired = true}));
    EXPECT_EQ(ask({.ca_pem = authority_.pem(), .verify = false}).value(), "secure");
}

TEST_F(tls, shows_its_own_certificate_to_a_server_that_asks) {
    serve(authority_.issue({.hosts = {"127.0.0.1"}}), authority_.pem());
    const auto mine = authority_.issue({.common_name = "platform"});
    EXPECT_EQ(ask({.ca_pem = authority_.pem(),
                   .certificate_pem = mine.certificate,
                   .private_key_pem = base::secret(mine.private_key)})
                  .value(),
              "secure");
}

// With TLS 1.3 the refusal comes after the handshake, in place of the answer.
TEST_F(tls, says_that_its_own_certificate_was_refused) {
    serve(authority_.issue({.hosts = {"127.0.0.1"}}), authority_.pem());
    const auto none = ask({.ca_pem = authority_.pem()});
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, errc::denied) << none.error().text;
    EXPECT_NE(none.error().text.find("certificate required"), std::string::npos)
        << none.error().text;
    for (const auto& wrong : {stranger_.issue({}), authority_.issue({.has_expired = true})}) {
        const auto got = ask({.ca_pem = authority_.pem(),
                              .certificate_pem = wrong.certificate,
                              .private_key_pem = base::secret(wrong.private_key)});
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().code, errc::denied) << got.error().text;
        EXPECT_NE(got.error().text.find("client certificate"), std::string::npos)
            << got.error().text;
    }
}

// As when an authority, or our own certificate, has been replaced.
TEST_F(tls, changes_whom_it_believes_and_what_it_shows) {
    serve(authority_.issue({.hosts = {"127.0.0.1"}}), authority_.pem());
    auto work = [](std::uint16_t port, const certificate_authority& good,
                   const certificate_authority& bad) -> aio::task<> {
        const auto on = co_await aio::this_executor();
        const auto mine = good.issue({});
        const http::client_tls right{.ca_pem = good.pem(),
                                     .certificate_pem = mine.certificate,
                                     .private_key_pem = base::secret(mine.private_key)};
        auto made =
            http::make_client(on, {.origin = {.secure = true, .host = "127.0.0.1", .port = port},
                                   .tls = http::client_tls{.ca_pem = bad.pem()}});
        if (!made) co_return base::pass(std::move(made));
        auto& client = **made;
        auto got = co_await client.send({.target = "/"}, {});
        EXPECT_EQ(got.error().code, errc::denied);
        EXPECT_TRUE(client.use_tls(right));
        got = co_await client.send({.target = "/"}, {});
        EXPECT_TRUE(got) << got.error().text;
        EXPECT_EQ(client.use_tls({.ca_pem = "rubbish"}).error().code, errc::invalid);
        got = co_await client.send({.target = "/"}, {});  // on the kept connection
        EXPECT_TRUE(got) << got.error().text;
        EXPECT_TRUE(client.use_tls({.ca_pem = bad.pem()}));
        got = co_await client.send({.target = "/"}, {});
        EXPECT_FALSE(got);  // the kept connection is of no use any more
        co_return base::outcome<void>{};
    };
    const auto done = aio::block_on(work(server_->port(), authority_, stranger_));
    EXPECT_TRUE(done) << done.error().text;
    EXPECT_EQ(server_->counters().connections_total, 3U);
}

TEST_F(tls, refuses_material_that_cannot_be_used) {
    serve(authority_.issue({.hosts = {"127.0.0.1"}}));
    const auto one = authority_.issue({});
    const auto other = authority_.issue({.key_password = "s3cret"});
    const auto expect_invalid = [&](const http::client_tls& how, std::string_view which) {
        const auto got = ask(how);
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().code, errc::invalid) << got.error().text;
        EXPECT_NE(got.error().text.find(which), std::string::npos) << got.error().text;
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
    // Nobody is there to type a password.
    expect_invalid({.ca_pem = authority_.pem(),
                    .certificate_pem = other.certificate,
                    .private_key_pem = base::secret(other.private_key)},
                   "client key");
}

TEST_F(tls, says_when_the_peer_does_not_speak_it) {
    auto started =
        http::start_server({}, [](aio::executor) { return std::make_unique<polite_handler>(); });
    ASSERT_TRUE(started);
    server_ = std::move(*started);
    const auto got = ask({.ca_pem = authority_.pem()});
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, errc::unavailable);
    EXPECT_NE(got.error().text.find("TLS handshake"), std::string::npos) << got.error().text;
}

// A reset, which unread bytes would cause, would destroy the answer on its way.
TEST_F(tls, a_refusal_arrives_though_the_client_has_sent_more) {
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
    std::string heard;
    boost::asio::read(client, boost::asio::dynamic_buffer(heard), error);
    EXPECT_EQ(error, boost::asio::error::eof) << error.message();
    EXPECT_TRUE(heard.starts_with("HTTP/1.1 413")) << heard;
}

TEST_F(tls, a_server_does_not_wait_for_ever_for_a_handshake) {
    using tcp = boost::asio::ip::tcp;
    serve(authority_.issue({}), {}, {.header_timeout = std::chrono::milliseconds(20)});
    boost::asio::io_context context;
    tcp::socket silent(context);
    silent.connect({boost::asio::ip::make_address("127.0.0.1"), server_->port()});
    boost::system::error_code error;
    std::string heard;
    boost::asio::read(silent, boost::asio::dynamic_buffer(heard), error);
    EXPECT_EQ(error, boost::asio::error::eof);
}

TEST_F(tls, a_server_names_the_file_that_it_cannot_use) {
    const auto good = authority_.issue({});
    const auto start = [](http::tls_files files) {
        return http::start_server({.tls = std::move(files)},
                                  [](aio::executor) { return std::make_unique<polite_handler>(); });
    };
    const auto chain = keep("a.crt", good.certificate);
    const auto key = keep("a.key", good.private_key);
    const auto wrong = keep("wrong.pem", "nothing");
    for (const auto& files : {http::tls_files{wrong, key, {}}, http::tls_files{chain, wrong, {}},
                              http::tls_files{chain, key, wrong}}) {
        const auto refused = start(files);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, errc::invalid);
        EXPECT_NE(refused.error().text.find(wrong), std::string::npos) << refused.error().text;
    }
}

}  // namespace
