#include "scrape/direct.hpp"

#include <gtest/gtest.h>

#include <atomic>

#include "aio/block_on.hpp"
#include "http/client.hpp"
#include "http/server.hpp"

namespace scrape {
namespace {

using namespace std::chrono_literals;

base::steady_time soon(std::chrono::milliseconds in = 10s) {
    return std::chrono::steady_clock::now() + in;
}
const ports::database_key cache{"shop", "redis", "cache"};
const ports::database_key queue{"shop", "redis", "queue"};

enum class manner { page, hang, endless, oversized };

// An exporter on loopback, on a thread of its own.
class exporter {
  public:
    explicit exporter(manner how, unsigned status = 200) {
        server_ = *http::start_server({}, [this, how, status](const aio::executor&) {
            return std::make_unique<answers>(*this, how, status);
        });
    }
    ~exporter() { server_->stop(std::chrono::steady_clock::now()); }
    [[nodiscard]] std::uint16_t port() const { return server_->port(); }
    [[nodiscard]] http::server_counters counters() const { return server_->counters(); }
    std::atomic<int> asked{0};

  private:
    class answers final : public http::handler {
      public:
        answers(exporter& of, manner how, unsigned status)
            : of_(of), options_(how), status_(status) {}
        std::optional<http::outgoing_response> handle_now(http::request& incoming) override {
            ++of_.asked;
            if (incoming.target != "/metrics")
                return http::outgoing_response{.response = {.status = 404}};
            if (options_ == manner::hang) return std::nullopt;
            http::outgoing_response made{.response = {.status = status_}};
            made.response.headers.add("Content-Type", "text/plain; version=0.0.4");
            made.response.body = http::body("redis_up 1\n");
            if (options_ == manner::oversized) {
                made.response.body = http::body(std::string(4096, '#') + "\n");
            }
            if (options_ == manner::endless) {
                made.stream = [](http::stream_writer& out) -> aio::task<> {
                    while (true) {
                        auto sent = co_await out.write(std::make_shared<const std::string>("# \n"));
                        if (!sent) co_return sent;
                        auto slept = co_await aio::sleep_for(1ms);
                        if (!slept) co_return slept;
                    }
                };
            }
            return made;
        }
        boost::asio::awaitable<http::outgoing_response> handle(http::request) override {
            co_await aio::sleep_for(1h);
            co_return http::outgoing_response{.response = {.status = 200}};
        }
        http::outgoing_response error_response(unsigned status, std::string_view) override {
            return {.response = {.status = status}};
        }

      private:
        exporter& of_;
        manner options_;
        unsigned status_;
    };
    std::unique_ptr<http::server> server_;
};

// Every name is this machine, but those that a test takes away.
class local_names final : public resolver {
  public:
    aio::task<std::string> resolve(std::string host, base::steady_time) override {
        asked.push_back(host);
        if (trouble) co_return std::unexpected(*trouble);
        co_return std::string("127.0.0.1");
    }
    void forget(const std::string& host) override { forgotten.push_back(host); }
    std::vector<std::string> asked;
    std::vector<std::string> forgotten;
    std::optional<base::failure> trouble;
};

class direct_pages : public testing::Test {
  protected:
    void play(std::function<aio::task<>(page_fetcher&)> act, direct_options how = {}) {
        auto whole = [](direct_pages* test, direct_options with,
                        std::function<aio::task<>(page_fetcher&)> inner) -> aio::task<> {
            const auto on = co_await aio::this_executor();
            const auto pages = test->make(on, with);
            co_return co_await inner(*pages);
        };
        const auto played = aio::block_on(whole(this, how, std::move(act)));
        EXPECT_TRUE(played) << played.error().text;
    }
    // What a scrape of "cache" fails with.
    base::failure failure(base::steady_time deadline = soon(), direct_options how = {}) {
        base::failure why;
        play(
            [&why, deadline](page_fetcher& pages) -> aio::task<> {
                auto page = co_await pages.fetch(cache, deadline);
                EXPECT_FALSE(page);
                if (!page) why = page.error();
                co_return base::ok();
            },
            how);
        return why;
    }
    virtual std::unique_ptr<page_fetcher> make(const aio::executor& on, direct_options how) {
        return make_direct_fetcher(
            on, names_, ports_, [](const std::string& project) { return "dbaas-" + project; }, how);
    }
    local_names names_;
    port_registry ports_;
};

TEST_F(direct_pages, come_from_the_stats_service_and_its_port) {
    exporter redis(manner::page);
    ports_.note(cache, redis.port());
    play([this](page_fetcher& pages) -> aio::task<> {
        auto page = co_await pages.fetch(cache, soon());
        if (!page) co_return base::pass(std::move(page));
        EXPECT_EQ(page->bytes, "redis_up 1\n");
        EXPECT_EQ(page->content_type, "text/plain; version=0.0.4");
        EXPECT_EQ(names_.asked, std::vector<std::string>{"cache-stats.dbaas-shop.svc"});
        co_return base::ok();
    });
    EXPECT_EQ(redis.asked, 1);
}

TEST_F(direct_pages, are_missing_without_a_port_or_a_name) {
    EXPECT_EQ(failure().code, base::errc::not_found);
    EXPECT_EQ(failure().reason, "no_stats_service");
    EXPECT_TRUE(names_.asked.empty());
    ports_.note(cache, 9121);
    names_.trouble = base::failure{.code = base::errc::not_found, .text = "no such name"};
    EXPECT_EQ(failure().code, base::errc::not_found);
    EXPECT_EQ(failure().reason, "no_stats_service");
    names_.trouble = base::failure{.code = base::errc::timed_out, .text = "slow"};
    EXPECT_EQ(failure().reason, "exporter_timeout");
    ports_.note(cache, std::nullopt);
    EXPECT_EQ(failure().reason, "no_stats_service");
}

TEST_F(direct_pages, of_an_exporter_that_is_down_make_it_look_again) {
    std::uint16_t port = 0;
    {
        const exporter gone(manner::page);
        port = gone.port();
    }
    ports_.note(cache, port);
    const auto why = failure();
    EXPECT_EQ(why.code, base::errc::unavailable);
    EXPECT_EQ(why.reason, "exporter_unreachable");
    EXPECT_EQ(names_.forgotten, std::vector<std::string>{"cache-stats.dbaas-shop.svc"});
}

TEST_F(direct_pages, of_others_do_not_wait_for_one_that_hangs) {
    const exporter hung(manner::hang);
    const exporter well(manner::page);
    ports_.note(cache, hung.port());
    ports_.note(queue, well.port());
    play(
        [](page_fetcher& pages) -> aio::task<> {
            const auto on = co_await aio::this_executor();
            aio::task_group hanging(on);
            for (int turn = 0; turn < 2; ++turn) {
                hanging.spawn([&pages]() -> aio::task<> {
                    auto page = co_await pages.fetch(cache, soon(1h));
                    EXPECT_EQ(page.error().code, base::errc::cancelled);
                    co_return base::ok();
                });
            }
            for (int turn = 0; turn < 3; ++turn) {
                auto page = co_await pages.fetch(queue, soon());
                EXPECT_TRUE(page);
            }
            auto cancelled = [](aio::task_group& group) -> aio::task<> {
                group.cancel();
                co_return co_await group.join();
            };
            auto ended = co_await cancelled(hanging);
            EXPECT_TRUE(ended);
            co_return base::ok();
        },
        {.connections_max = 3});
}

TEST_F(direct_pages, beyond_the_connections_are_refused_at_once) {
    const exporter hung(manner::hang);
    const exporter well(manner::page);
    ports_.note(cache, hung.port());
    ports_.note(queue, well.port());
    play(
        [](page_fetcher& pages) -> aio::task<> {
            const auto on = co_await aio::this_executor();
            aio::task_group hanging(on);
            hanging.spawn([&pages]() -> aio::task<> {
                co_await pages.fetch(cache, soon(1h));
                co_return base::ok();
            });
            auto turned = co_await aio::sleep_for(0s);  // it has begun
            if (!turned) co_return turned;
            auto refused = co_await pages.fetch(queue, soon());
            EXPECT_EQ(refused.error().code, base::errc::unavailable);
            EXPECT_EQ(refused.error().reason, "throttled");
            hanging.cancel();
            co_await hanging.join();
            auto page = co_await pages.fetch(queue, soon());
            EXPECT_TRUE(page) << "the place is free again";
            co_return base::ok();
        },
        {.connections_max = 1});
}

TEST_F(direct_pages, leave_no_connection_behind) {
    exporter redis(manner::page);
    ports_.note(cache, redis.port());
    play([&redis](page_fetcher& pages) -> aio::task<> {
        for (int turn = 0; turn < 3; ++turn) {
            auto page = co_await pages.fetch(cache, soon());
            EXPECT_TRUE(page);
        }
        while (redis.counters().connections_open > 0) {
            auto turned = co_await aio::sleep_for(1ms);
            if (!turned) co_return turned;
        }
        EXPECT_EQ(redis.counters().connections_total, 3U);
        co_return base::ok();
    });
}

// The other way: a client of the API server, which is played by a client of the exporter itself.
aio::task<http::response> asked_for(aio::executor on, std::uint16_t port,
                                    base::steady_time deadline, std::size_t bytes_max) {
    auto client = http::make_client(
        on, {.origin = {.host = "127.0.0.1", .port = port}, .body_bytes_max = bytes_max});
    if (!client) co_return base::pass(std::move(client));
    co_return co_await (*client)->send({.target = "/metrics"},
                                       {.deadline = deadline, .body_bytes_max = bytes_max});
}

enum class way { direct, proxy };

class pages_by_any_way : public direct_pages, public testing::WithParamInterface<way> {
  protected:
    std::unique_ptr<page_fetcher> make(const aio::executor& on, direct_options how) override {
        if (GetParam() == way::direct) return direct_pages::make(on, how);
        return make_service_proxy_fetcher(
            [this, on](std::string, base::steady_time deadline, std::size_t bytes_max) {
                return asked_for(on, *ports_.find(cache), deadline, bytes_max);
            },
            [](const std::string& project) { return project; }, how.limits);
    }
    void expect_failure(const base::failure& why, base::errc code, std::string_view reason) {
        EXPECT_EQ(why.code, code) << why.text;
        EXPECT_EQ(why.reason, reason) << why.text;
    }
};

TEST_P(pages_by_any_way, fail_for_the_reasons_of_their_answers) {
    using base::errc;
    for (const auto& [status, code, reason] :
         {std::tuple{404U, errc::not_found, "no_metrics_page"},
          std::tuple{401U, errc::denied, "metrics_denied"},
          std::tuple{429U, errc::unavailable, "throttled"},
          std::tuple{500U, errc::unavailable, "exporter_unreachable"},
          std::tuple{504U, errc::timed_out, "exporter_timeout"},
          std::tuple{302U, errc::corrupt, "unexpected_status"}}) {
        const exporter redis(manner::page, status);
        ports_.note(cache, redis.port());
        expect_failure(failure(), code, reason);
    }
    EXPECT_TRUE(names_.forgotten.empty()) << "who answers is where he was";
}

TEST_P(pages_by_any_way, have_a_largest_size) {
    const exporter redis(manner::oversized);
    ports_.note(cache, redis.port());
    expect_failure(failure(soon(), {.limits = {.page_bytes = 4096}}), base::errc::limit,
                   "page_too_large");
}

TEST_P(pages_by_any_way, that_do_not_end_are_given_up_at_the_deadline) {
    for (const auto how : {manner::hang, manner::endless}) {
        const exporter redis(how);
        ports_.note(cache, redis.port());
        expect_failure(failure(soon(50ms)), base::errc::timed_out, "exporter_timeout");
    }
}

TEST_P(pages_by_any_way, of_nobody_are_unreachable) {
    std::uint16_t port = 0;
    {
        const exporter gone(manner::page);
        port = gone.port();
    }
    ports_.note(cache, port);
    expect_failure(failure(), base::errc::unavailable, "exporter_unreachable");
}

INSTANTIATE_TEST_SUITE_P(scrape, pages_by_any_way, testing::Values(way::direct, way::proxy),
                         [](const auto& of) {
                             return of.param == way::direct ? "direct" : "proxy";
                         });

}  // namespace
}  // namespace scrape
