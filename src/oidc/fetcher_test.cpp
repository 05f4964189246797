#include "oidc/fetcher.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "aio/block_on.hpp"
#include "http/server.hpp"
#include "test/support/certificates.hpp"

namespace {

using base::errc;

class plain_handler final : public http::handler {
  public:
    std::optional<http::outgoing_response> handle_now(http::request&) override {
        return http::outgoing_response{.response = {.status = 200, .body = http::body("{}")}};
    }
    boost::asio::awaitable<http::outgoing_response> handle(http::request) override {
        co_return http::outgoing_response{};
    }
    http::outgoing_response error_response(unsigned status, std::string_view) override {
        return {.response = {.status = status}};
    }
};

// An issuer whose certificate was issued by `authority_`.
class fetcher : public testing::Test {
  protected:
    fetcher() {
        folder_ = std::filesystem::path(testing::TempDir()) /
                  ("dbaas-fetcher-" + std::to_string(getpid()) + "-" +
                   testing::UnitTest::GetInstance()->current_test_info()->name());
        std::filesystem::create_directories(folder_);
        const auto certificate = authority_.issue({.hosts = {"127.0.0.1"}});
        auto started = http::start_server(
            {.tls = http::tls_files{.certificate_chain = write("crt", certificate.certificate),
                                    .private_key = write("key", certificate.private_key)}},
            [](aio::executor) { return std::make_unique<plain_handler>(); });
        EXPECT_TRUE(started) << started.error().text;
        server_ = std::move(*started);
    }
    ~fetcher() override { std::filesystem::remove_all(folder_); }

    std::string write(const std::string& name, const std::string& text) {
        std::ofstream(folder_ / name) << text;
        return (folder_ / name).string();
    }
    // Returns the status, or the code of the failure.
    static aio::task<std::string> status_of(oidc::fetcher& source, std::string url) {
        const auto response = co_await source.send({.url = std::move(url)});
        if (!response) co_return std::string(base::name(response.error().code));
        co_return std::to_string(response->status);
    }
    // Sends a request before the first and after each change of the authorities. Returns a word for
    // each change and each request.
    static aio::task<std::vector<std::string>> talk(std::string url,
                                                    std::vector<std::string> authorities) {
        auto source = oidc::make_fetcher(co_await aio::this_executor(), authorities.front());
        if (!source) co_return base::pass(std::move(source));
        std::vector<std::string> words;
        for (std::size_t i = 0; i < authorities.size(); ++i) {
            if (i > 0) {
                const auto used = (*source)->use_authorities(authorities[i]);
                words.emplace_back(used ? "used" : base::name(used.error().code));
            }
            auto status = co_await status_of(**source, url);
            words.push_back(std::move(*status));
        }
        co_return words;
    }
    base::outcome<std::vector<std::string>> talk(std::vector<std::string> authorities) {
        const auto url = "https://127.0.0.1:" + std::to_string(server_->port()) + "/keys";
        return aio::block_on(talk(url, std::move(authorities)));
    }
    using words = std::vector<std::string>;

    const fakes::certificate_authority authority_{"ca"};
    const fakes::certificate_authority other_{"other ca"};
    std::filesystem::path folder_;
    std::unique_ptr<http::server> server_;
};

TEST_F(fetcher, trusts_changed_authorities_without_a_restart) {
    EXPECT_EQ(talk({other_.pem(), authority_.pem(), other_.pem()}).value(),
              (words{"denied", "used", "200", "used", "denied"}));
    EXPECT_EQ(talk({authority_.pem(), other_.pem() + authority_.pem()}).value(),
              (words{"200", "used", "200"}));
    EXPECT_EQ(talk({authority_.pem(), ""}).value(), (words{"200", "used", "denied"}));
}

TEST_F(fetcher, keeps_the_authorities_after_a_text_that_is_not_valid) {
    const auto pem = authority_.pem();
    EXPECT_EQ(talk({pem, "x", pem.substr(0, pem.size() / 2)}).value(),
              (words{"200", "invalid", "200", "invalid", "200"}));
    EXPECT_EQ(talk(words{"x"}).error().code, errc::invalid);
}

}  // namespace
