#pragma once
// A server that answers what a test tells it, and a client that asks it. For tests of kube.

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "aio/block_on.hpp"
#include "http/server.hpp"
#include "kube/kube_client.hpp"
#include "test/support/certificates.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/recording_log.hpp"

namespace fakes {

// What a played API server answers, and what it was asked. Any thread.
class played_server {
  public:
    using answering = std::function<http::outgoing_response(const http::request&)>;

    static http::outgoing_response object(unsigned status = 200) {
        return {.response = {.status = status, .body = http::body(R"({"kind":"Secret"})")}};
    }
    static http::outgoing_response failure(unsigned status, std::string_view reason,
                                           std::string_view retry_after = {}) {
        http::outgoing_response made{
            .response = {.status = status,
                         .body = http::body(R"({"kind":"Status","apiVersion":"v1",)"
                                            R"("status":"Failure","reason":")" +
                                            std::string(reason) + "\"}")}};
        if (!retry_after.empty()) {
            made.response.headers.set("Retry-After", std::string(retry_after));
        }
        return made;
    }
    // The connection ends before the answer does.
    static http::outgoing_response cut() {
        http::outgoing_response made{.response = {.status = 200}};
        made.stream = [](http::stream_writer&) -> aio::task<> {
            co_return base::fail(base::errc::unavailable, "cut");
        };
        return made;
    }

    void answer_with(answering how) {
        const std::lock_guard lock(mutex_);
        options_ = std::move(how);
        asked_.clear();
    }
    // These in order, then success.
    void answer_first(std::vector<answering> first) {
        answer_with(
            [first = std::move(first), at = std::size_t(0)](const http::request& asked) mutable {
                return at < first.size() ? first[at++](asked) : object();
            });
    }
    http::outgoing_response answer(const http::request& asked) {
        const std::lock_guard lock(mutex_);
        asked_.push_back(asked);
        return options_(asked);
    }
    std::vector<http::request> asked() {
        const std::lock_guard lock(mutex_);
        return asked_;
    }

  private:
    std::mutex mutex_;
    answering options_ = [](const http::request&) { return object(); };
    std::vector<http::request> asked_;
};

class played_handler final : public http::handler {
  public:
    explicit played_handler(played_server& by) : by_(by) {}
    std::optional<http::outgoing_response> handle_now(http::request&) override {
        return std::nullopt;
    }
    boost::asio::awaitable<http::outgoing_response> handle(http::request incoming) override {
        co_return by_.answer(incoming);
    }
    http::outgoing_response error_response(unsigned status, std::string_view) override {
        return {.response = {.status = status}};
    }

  private:
    played_server& by_;
};

class kube_client : public testing::Test {
  protected:
    kube_client() {
        folder_ = std::filesystem::path(testing::TempDir()) /
                  ("dbaas-kube-client-" + std::to_string(getpid()) + "-" +
                   testing::UnitTest::GetInstance()->current_test_info()->name());
        std::filesystem::create_directories(folder_);
        config_.server = {.host = "127.0.0.1"};
    }
    ~kube_client() override { std::filesystem::remove_all(folder_); }

    std::string keep(const std::string& name, const std::string& text) {
        std::ofstream(folder_ / name) << text;
        return (folder_ / name).string();
    }
    void start(std::optional<http::tls_files> tls = {}) {
        auto started = http::start_server({.tls = std::move(tls)}, [this](aio::executor) {
            return std::make_unique<played_handler>(played_);
        });
        ASSERT_TRUE(started) << started.error().text;
        server_ = std::move(*started);
        config_.server.port = server_->port();
    }
    // A server that shows a certificate of `authority` for `host`.
    void start_secure(const certificate_authority& authority, const std::string& host = "127.0.0.1",
                      const std::string& clients_of = {}) {
        const auto shown = authority.issue({.hosts = {host}});
        http::tls_files files{.certificate_chain = keep("server.crt", shown.certificate),
                              .private_key = keep("server.key", shown.private_key)};
        if (!clients_of.empty()) files.client_ca = keep("clients.crt", clients_of);
        start(files);
        config_.server.secure = true;
    }

    using use = std::function<aio::task<>(kube::client&)>;
    base::outcome<void> run(use act, int retries = 3) {
        auto work = [](kube::client_options how, use acting) -> aio::task<> {
            const auto on = co_await aio::this_executor();
            auto made = kube::make_client(on, std::move(how));
            if (!made) co_return base::pass(std::move(made));
            co_return co_await acting(**made);
        };
        return aio::block_on(
            work({.config = config_,
                  .retries_max = retries,
                  .retry_wait_max = std::chrono::milliseconds(1),
                  .clock = &clock_,
                  .log = log_ ? static_cast<obs::log*>(log_.get()) : &obs::null_log()},
                 std::move(act)));
    }
    base::outcome<void> run_get(int retries = 3) {
        return run(
            [](kube::client& client) -> aio::task<> {
                auto got = co_await client.get(secrets, "shop", "one");
                if (!got) co_return base::pass(std::move(got));
                co_return base::ok();
            },
            retries);
    }
    base::outcome<void> run_create() {
        return run([](kube::client& client) -> aio::task<> {
            auto got = co_await client.create(secrets, "shop", {});
            if (!got) co_return base::pass(std::move(got));
            co_return base::ok();
        });
    }
    std::string shown(std::size_t index) {
        return std::string(played_.asked().at(index).headers.get("Authorization"));
    }
    // Only this token is good.
    static played_server::answering asks_for(std::string token) {
        return [token](const http::request& asked) {
            return asked.headers.get("Authorization") == "Bearer " + token
                       ? played_server::object()
                       : played_server::failure(401, "Unauthorized");
        };
    }

    static inline const kube::resource secrets{
        .version = "v1", .plural = "secrets", .kind = "Secret"};
    std::filesystem::path folder_;
    manual_clock clock_;
    kube::config config_;
    played_server played_;
    std::unique_ptr<recording_log> log_;
    std::unique_ptr<http::server> server_;
};

}  // namespace fakes
