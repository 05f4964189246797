#include "scrape/direct.hpp"

#include <gtest/gtest.h>

#include <atomic>

#include "aio/block_on.hpp"
#include "http/client.hpp"
#include "http/gzip.hpp"
#include "http/server.hpp"

namespace scrape {
namespace {

using namespace std::chrono_literals;

base::steady_time soon(std::chrono::milliseconds delay = 10s) {
    return std::chrono::steady_clock::now() + delay;
}
ports::scrape_target cache_at(std::uint16_t port) {
    return {.database_id = "db-1", .key = {"shop", "redis", "cache"}, .metrics_port = port};
}
ports::scrape_target queue_at(std::uint16_t port) {
    return {.database_id = "db-2", .key = {"shop", "redis", "queue"}, .metrics_port = port};
}

enum class behavior { page, hang, endless, oversized, compressed, bomb, mislabeled };

// An exporter on the loopback interface, in its own thread.
class exporter {
  public:
    explicit exporter(behavior behavior, unsigned status = 200) {
        server_ = *http::start_server({}, [this, behavior, status](const aio::executor&) {
            return std::make_unique<page_handler>(*this, behavior, status);
        });
    }
    ~exporter() { server_->stop(std::chrono::steady_clock::now()); }
    [[nodiscard]] std::uint16_t port() const { return server_->port(); }
    [[nodiscard]] http::server_counters counters() const { return server_->counters(); }
    std::atomic<int> requests{0};

  private:
    class page_handler final : public http::handler {
      public:
        page_handler(exporter& owner, behavior behavior, unsigned status)
            : owner_(owner), behavior_(behavior), status_(status) {}
        std::optional<http::outgoing_response> handle_now(http::request& incoming) override {
            ++owner_.requests;
            if (incoming.target != "/metrics") {
                return http::outgoing_response{.response = {.status = 404}};
            }
            if (behavior_ == behavior::hang) return std::nullopt;
            http::outgoing_response result{.response = {.status = status_}};
            result.response.headers.add("Content-Type", "text/plain; version=0.0.4");
            result.response.body = http::body("redis_up 1\n");
            if (behavior_ == behavior::oversized) {
                result.response.body = http::body(std::string(4096, '#') + "\n");
            }
            if (behavior_ == behavior::compressed || behavior_ == behavior::bomb) {
                const std::string page =
                    behavior_ == behavior::bomb ? std::string(1 << 20, '\n') : "redis_up 1\n";
                result.response.headers.add("Content-Encoding", "GZIP");
                result.response.body = http::body(http::gzip(page));
            }
            if (behavior_ == behavior::mislabeled) {
                result.response.headers.add("Content-Encoding", "gzip");
            }
            if (behavior_ == behavior::endless) {
                result.stream = [](http::stream_writer& out) -> aio::task<> {
                    while (true) {
                        auto chunk = std::make_shared<const std::string>("# \n");
                        auto wrote = co_await out.write(std::move(chunk));
                        if (!wrote) co_return wrote;
                        auto slept = co_await aio::sleep_for(1ms);
                        if (!slept) co_return slept;
                    }
                };
            }
            return result;
        }
        boost::asio::awaitable<http::outgoing_response> handle(http::request) override {
            co_await aio::sleep_for(1h);
            co_return http::outgoing_response{.response = {.status = 200}};
        }
        http::outgoing_response error_response(unsigned status, std::string_view) override {
            return {.response = {.status = status}};
        }

      private:
        exporter& owner_;
        behavior behavior_;
        unsigned status_;
    };
    std::unique_ptr<http::server> server_;
};

// Returns a port on which no process listens.
std::uint16_t closed_port() {
    const exporter stopped(behavior::page);
    return stopped.port();
}

// Resolves every name to the loopback address, or fails with `error`.
class fake_resolver final : public resolver {
  public:
    aio::task<std::string> resolve(std::string host, base::steady_time) override {
        requested.push_back(host);
        if (error) co_return std::unexpected(*error);
        co_return std::string("127.0.0.1");
    }
    void forget(const std::string& host) override { forgotten.push_back(host); }
    std::vector<std::string> requested;
    std::vector<std::string> forgotten;
    std::optional<base::failure> error;
};

class direct_fetcher : public testing::Test {
  protected:
    void run(std::function<aio::task<>(page_fetcher&)> body, direct_options options = {}) {
        auto on_loop = [](direct_fetcher* test, direct_options limits,
                          std::function<aio::task<>(page_fetcher&)> inner) -> aio::task<> {
            const auto executor = co_await aio::this_executor();
            const auto fetcher = test->make(executor, limits);
            co_return co_await inner(*fetcher);
        };
        const auto result = aio::block_on(on_loop(this, options, std::move(body)));
        EXPECT_TRUE(result) << result.error().text;
    }
    // Returns the failure of a fetch.
    base::failure failure(const ports::scrape_target& target, base::steady_time deadline = soon(),
                          direct_options options = {}) {
        base::failure result;
        run(
            [&result, &target, deadline](page_fetcher& fetcher) -> aio::task<> {
                auto page = co_await fetcher.fetch(target, deadline);
                EXPECT_FALSE(page);
                if (!page) result = page.error();
                co_return base::ok();
            },
            options);
        return result;
    }
    virtual std::unique_ptr<page_fetcher> make(const aio::executor& executor,
                                               direct_options options) {
        return make_direct_fetcher(
            executor, resolver_, [](const std::string& project) { return "dbaas-" + project; },
            options);
    }
    fake_resolver resolver_;
};

TEST_F(direct_fetcher, fetches_from_the_stats_service_and_its_port) {
    exporter redis(behavior::page);
    run([this, &redis](page_fetcher& fetcher) -> aio::task<> {
        auto page = co_await fetcher.fetch(cache_at(redis.port()), soon());
        if (!page) co_return base::pass(std::move(page));
        EXPECT_EQ(page->bytes, "redis_up 1\n");
        EXPECT_EQ(page->content_type, "text/plain; version=0.0.4");
        EXPECT_EQ(resolver_.requested, std::vector<std::string>{"cache-stats.dbaas-shop.svc"});
        co_return base::ok();
    });
    EXPECT_EQ(redis.requests, 1);
}

TEST_F(direct_fetcher, reports_no_stats_service_without_a_port_or_a_name) {
    EXPECT_EQ(failure(cache_at(0)).code, base::errc::not_found);
    EXPECT_EQ(failure(cache_at(0)).reason, "no_stats_service");
    EXPECT_TRUE(resolver_.requested.empty());
    resolver_.error = base::failure{.code = base::errc::not_found, .text = "no such name"};
    EXPECT_EQ(failure(cache_at(9121)).code, base::errc::not_found);
    EXPECT_EQ(failure(cache_at(9121)).reason, "no_stats_service");
    resolver_.error = base::failure{.code = base::errc::timed_out, .text = "slow"};
    EXPECT_EQ(failure(cache_at(9121)).reason, "exporter_timeout");
}

TEST_F(direct_fetcher, forgets_the_address_of_an_unreachable_exporter) {
    const auto error = failure(cache_at(closed_port()));
    EXPECT_EQ(error.code, base::errc::unavailable);
    EXPECT_EQ(error.reason, "exporter_unreachable");
    EXPECT_EQ(resolver_.forgotten, std::vector<std::string>{"cache-stats.dbaas-shop.svc"});
}

TEST_F(direct_fetcher, fetches_other_pages_while_one_exporter_hangs) {
    const exporter hung(behavior::hang);
    const exporter healthy(behavior::page);
    run(
        [&hung, &healthy](page_fetcher& fetcher) -> aio::task<> {
            const auto executor = co_await aio::this_executor();
            aio::task_group hanging(executor);
            for (int count = 0; count < 2; ++count) {
                hanging.spawn([&fetcher, &hung]() -> aio::task<> {
                    auto page = co_await fetcher.fetch(cache_at(hung.port()), soon(1h));
                    EXPECT_EQ(page.error().code, base::errc::cancelled);
                    co_return base::ok();
                });
            }
            for (int count = 0; count < 3; ++count) {
                auto page = co_await fetcher.fetch(queue_at(healthy.port()), soon());
                EXPECT_TRUE(page);
            }
            hanging.cancel();
            auto joined = co_await hanging.join();
            EXPECT_TRUE(joined);
            co_return base::ok();
        },
        {.connections_max = 3});
}

TEST_F(direct_fetcher, throttles_beyond_connections_max) {
    const exporter hung(behavior::hang);
    const exporter healthy(behavior::page);
    run(
        [&hung, &healthy](page_fetcher& fetcher) -> aio::task<> {
            const auto executor = co_await aio::this_executor();
            aio::task_group hanging(executor);
            hanging.spawn([&fetcher, &hung]() -> aio::task<> {
                co_await fetcher.fetch(cache_at(hung.port()), soon(1h));
                co_return base::ok();
            });
            auto yielded = co_await aio::sleep_for(0s);  // the first fetch starts
            if (!yielded) co_return yielded;
            auto throttled = co_await fetcher.fetch(queue_at(healthy.port()), soon());
            EXPECT_EQ(throttled.error().code, base::errc::unavailable);
            EXPECT_EQ(throttled.error().reason, "throttled");
            hanging.cancel();
            co_await hanging.join();
            auto page = co_await fetcher.fetch(queue_at(healthy.port()), soon());
            EXPECT_TRUE(page) << "the cancelled fetch has released its permit";
            co_return base::ok();
        },
        {.connections_max = 1});
}

TEST_F(direct_fetcher, closes_its_connections) {
    exporter redis(behavior::page);
    run([&redis](page_fetcher& fetcher) -> aio::task<> {
        for (int count = 0; count < 3; ++count) {
            auto page = co_await fetcher.fetch(cache_at(redis.port()), soon());
            EXPECT_TRUE(page);
        }
        while (redis.counters().connections_open > 0) {
            auto slept = co_await aio::sleep_for(1ms);
            if (!slept) co_return slept;
        }
        EXPECT_EQ(redis.counters().connections_total, 3U);
        co_return base::ok();
    });
}

// Stands in for the service proxy: sends the request to the exporter itself.
aio::task<http::response> proxied_get(aio::executor executor, std::uint16_t port,
                                      base::steady_time deadline, std::size_t bytes_max) {
    auto client = http::make_client(
        executor, {.origin = {.host = "127.0.0.1", .port = port}, .body_bytes_max = bytes_max});
    if (!client) co_return base::pass(std::move(client));
    co_return co_await (*client)->send({.target = "/metrics"},
                                       {.deadline = deadline, .body_bytes_max = bytes_max});
}

enum class route { direct, proxy };

class every_fetcher : public direct_fetcher, public testing::WithParamInterface<route> {
  protected:
    std::unique_ptr<page_fetcher> make(const aio::executor& executor,
                                       direct_options options) override {
        if (GetParam() == route::direct) return direct_fetcher::make(executor, options);
        return make_service_proxy_fetcher(
            [this, executor](std::string, base::steady_time deadline, std::size_t bytes_max) {
                return proxied_get(executor, proxied_port_, deadline, bytes_max);
            },
            [](const std::string& project) { return project; }, options.limits);
    }
    void expect_failure(std::uint16_t port, base::errc code, std::string_view reason,
                        base::steady_time deadline = soon(), direct_options options = {}) {
        proxied_port_ = port;
        const auto error = failure(cache_at(port), deadline, options);
        EXPECT_EQ(error.code, code) << error.text;
        EXPECT_EQ(error.reason, reason) << error.text;
    }
    std::uint16_t proxied_port_ = 0;
};

TEST_P(every_fetcher, maps_the_status_of_the_response_to_a_reason) {
    using base::errc;
    for (const auto& [status, code, reason] :
         {std::tuple{404U, errc::not_found, "no_metrics_page"},
          std::tuple{401U, errc::denied, "exporter_denied"},
          std::tuple{429U, errc::unavailable, "throttled"},
          std::tuple{500U, errc::unavailable, "exporter_error"},
          std::tuple{504U, errc::timed_out, "exporter_timeout"},
          std::tuple{302U, errc::corrupt, "unexpected_status"}}) {
        const exporter redis(behavior::page, status);
        expect_failure(redis.port(), code, reason);
    }
    EXPECT_TRUE(resolver_.forgotten.empty()) << "a response proves that the address is right";
}

TEST_P(every_fetcher, rejects_an_oversized_page) {
    const exporter redis(behavior::oversized);
    expect_failure(redis.port(), base::errc::limit, "page_too_large", soon(),
                   {.limits = {.page_bytes = 4096}});
}

// Some exporters and proxies compress without a request for it.
TEST_P(every_fetcher, decompresses_a_page_within_the_limit) {
    const exporter redis(behavior::compressed);
    proxied_port_ = redis.port();
    run([&](page_fetcher& fetcher) -> aio::task<> {
        auto page = co_await fetcher.fetch(cache_at(redis.port()), soon());
        EXPECT_TRUE(page);
        if (page) {
            EXPECT_EQ(page->bytes, "redis_up 1\n");
        }
        co_return base::ok();
    });
    const exporter bomb(behavior::bomb);
    expect_failure(bomb.port(), base::errc::limit, "page_too_large", soon(),
                   {.limits = {.page_bytes = 4096}});
}

TEST_P(every_fetcher, keeps_the_status_of_an_error_whose_body_is_not_gzip) {
    const exporter page(behavior::mislabeled);
    expect_failure(page.port(), base::errc::corrupt, "invalid_response");
    const exporter failing(behavior::mislabeled, 502);
    expect_failure(failing.port(), base::errc::unavailable, "exporter_error");
}

TEST_P(every_fetcher, times_out_on_a_page_without_an_end) {
    for (const auto behavior : {behavior::hang, behavior::endless}) {
        const exporter redis(behavior);
        expect_failure(redis.port(), base::errc::timed_out, "exporter_timeout", soon(50ms));
    }
}

TEST_P(every_fetcher, reports_a_closed_port_as_unreachable) {
    expect_failure(closed_port(), base::errc::unavailable, "exporter_unreachable");
}

INSTANTIATE_TEST_SUITE_P(scrape, every_fetcher, testing::Values(route::direct, route::proxy),
                         [](const auto& instance) {
                             return instance.param == route::direct ? "direct" : "proxy";
                         });

}  // namespace
}  // namespace scrape
