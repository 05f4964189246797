#pragma once
// An HTTP server whose responses a test sets, and a fixture with a client of it. For tests of kube.

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
#include "test/support/co_require.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/recording_log.hpp"

namespace fakes {

// The responses of a simulated API server, and the requests that it received. Any thread.
class simulated_server {
  public:
    using responder = std::function<http::outgoing_response(const http::request&)>;

    static http::outgoing_response object(unsigned status = 200) {
        return {.response = {.status = status,
                             .body = http::body(R"({"kind":"Secret","metadata":{"name":"one"}})")}};
    }
    static http::outgoing_response failure(unsigned status, std::string_view reason,
                                           std::string_view retry_after = {}) {
        http::outgoing_response outgoing{
            .response = {.status = status,
                         .body = http::body(R"({"kind":"Status","apiVersion":"v1",)"
                                            R"("status":"Failure","details":{"name":"x"},)"
                                            R"("reason":")" +
                                            std::string(reason) + "\"}")}};
        if (!retry_after.empty()) {
            outgoing.response.headers.set("Retry-After", std::string(retry_after));
        }
        return outgoing;
    }
    // Ends the connection before the end of the response.
    static http::outgoing_response cut() {
        http::outgoing_response outgoing{.response = {.status = 200}};
        outgoing.stream = [](http::stream_writer&) -> aio::task<> {
            co_return base::fail(base::errc::unavailable, "cut");
        };
        return outgoing;
    }

    void respond_with(responder respond) {
        const std::lock_guard lock(mutex_);
        respond_ = std::move(respond);
        requests_.clear();
    }
    // Responds with these in order, and with success after them.
    void respond_first(std::vector<responder> first) {
        respond_with([first = std::move(first),
                      index = std::size_t(0)](const http::request& request) mutable {
            return index < first.size() ? first[index++](request) : object();
        });
    }
    http::outgoing_response respond(const http::request& request) {
        const std::lock_guard lock(mutex_);
        requests_.push_back(request);
        return respond_(request);
    }
    std::vector<http::request> requests() {
        const std::lock_guard lock(mutex_);
        return requests_;
    }

  private:
    std::mutex mutex_;
    responder respond_ = [](const http::request&) { return object(); };
    std::vector<http::request> requests_;
};

class simulated_handler final : public http::handler {
  public:
    explicit simulated_handler(simulated_server& server) : server_(server) {}
    std::optional<http::outgoing_response> handle_now(http::request&) override {
        return std::nullopt;
    }
    boost::asio::awaitable<http::outgoing_response> handle(http::request incoming) override {
        co_return server_.respond(incoming);
    }
    http::outgoing_response error_response(unsigned status, std::string_view) override {
        return {.response = {.status = status}};
    }

  private:
    simulated_server& server_;
};

class kube_client : public testing::Test {
  public:
    kube_client() {
        folder_ = std::filesystem::path(testing::TempDir()) /
                  ("dbaas-kube-client-" + std::to_string(getpid()) + "-" +
                   testing::UnitTest::GetInstance()->current_test_info()->name());
        std::filesystem::create_directories(folder_);
        config_.server = {.host = "127.0.0.1"};
    }
    ~kube_client() override { std::filesystem::remove_all(folder_); }

  protected:
    std::string write_file(const std::string& name, const std::string& text) {
        std::ofstream(folder_ / name) << text;
        return (folder_ / name).string();
    }
    void start(std::optional<http::tls_files> tls = {}) {
        auto started = http::start_server({.tls = std::move(tls)}, [this](aio::executor) {
            return std::make_unique<simulated_handler>(simulated_);
        });
        ASSERT_TRUE(started) << started.error().text;
        server_ = std::move(*started);
        config_.server.port = server_->port();
    }
    // Starts a server with a certificate of `authority` for `host`.
    void start_secure(const certificate_authority& authority, const std::string& host = "127.0.0.1",
                      const std::string& client_ca = {}) {
        const auto issued = authority.issue({.hosts = {host}});
        http::tls_files files{.certificate_chain = write_file("server.crt", issued.certificate),
                              .private_key = write_file("server.key", issued.private_key)};
        if (!client_ca.empty()) files.client_ca = write_file("clients.crt", client_ca);
        start(files);
        config_.server.secure = true;
    }

    using use = std::function<aio::task<>(kube::client&)>;
    base::outcome<void> run(use act, int retries = 3) {
        clock_.skip_sleeps();  // before retries
        auto work = [](kube::client_options options, use inner) -> aio::task<> {
            const auto executor = co_await aio::this_executor();
            auto client = kube::make_client(executor, std::move(options));
            CO_REQUIRE(client);
            co_return co_await inner(**client);
        };
        return aio::block_on(
            work({.config = config_,
                  .retries_max = retries,
                  .retry_wait_max = std::chrono::milliseconds(1),
                  .clock = &clock_,
                  .log = log_ ? static_cast<obs::log*>(log_.get()) : &obs::null_log(),
                  .tracer = tracer_},
                 std::move(act)));
    }
    base::outcome<void> run_get(int retries = 3) {
        return run(
            [](kube::client& client) -> aio::task<> {
                CO_REQUIRE(co_await client.get(secrets, "shop", "one"));
                co_return base::ok();
            },
            retries);
    }
    base::outcome<void> run_create() {
        return run([](kube::client& client) -> aio::task<> {
            CO_REQUIRE(co_await client.create(secrets, "shop", {}));
            co_return base::ok();
        });
    }
    std::string authorization_of(std::size_t index) {
        return std::string(simulated_.requests().at(index).headers.get("Authorization"));
    }
    // Responds with 401 unless the request has this token.
    static simulated_server::responder requires_token(std::string token) {
        return [token](const http::request& request) {
            return request.headers.get("Authorization") == "Bearer " + token
                       ? simulated_server::object()
                       : simulated_server::failure(401, "Unauthorized");
        };
    }

    static inline const kube::resource secrets{
        .version = "v1", .plural = "secrets", .kind = "Secret"};
    std::filesystem::path folder_;
    manual_clock clock_;
    kube::config config_;
    simulated_server simulated_;
    std::unique_ptr<recording_log> log_;
    obs::tracer* tracer_ = &obs::null_tracer();
    std::unique_ptr<http::server> server_;
};

}  // namespace fakes
