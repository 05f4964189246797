#include "scrape/resolver.hpp"

#include <gtest/gtest.h>

#include <future>
#include <map>
#include <mutex>

#include "aio/block_on.hpp"

namespace scrape {
namespace {

using namespace std::chrono_literals;

base::steady_time soon(std::chrono::milliseconds in = 10s) {
    return std::chrono::steady_clock::now() + in;
}

// A simulated name server. Look-ups of "slow..." wait for release().
class name_server {
  public:
    base::outcome<std::string> look_up(const std::string& host) {
        if (host.starts_with("slow")) released_.wait();
        const std::lock_guard lock(mutex_);
        ++counts_[host];
        if (error_) return std::unexpected(*error_);
        return address_;
    }
    void release() { release_.set_value(); }
    void set_address(std::string address) {
        const std::lock_guard lock(mutex_);
        address_ = std::move(address);
        error_.reset();
    }
    void fail(base::errc code) {
        const std::lock_guard lock(mutex_);
        error_ = base::failure{.code = code, .text = "the name server fails"};
    }
    int count_of(const std::string& host) {
        const std::lock_guard lock(mutex_);
        return counts_[host];
    }

  private:
    std::mutex mutex_;
    std::string address_ = "127.0.0.1";
    std::optional<base::failure> error_;
    std::map<std::string, int> counts_;
    std::promise<void> release_;
    std::shared_future<void> released_{release_.get_future().share()};
};

class name_resolver : public testing::Test {
  protected:
    // Runs a test on its own loop.
    void run(std::function<aio::task<>(resolver&)> body, resolver_options options = {}) {
        auto on_loop = [](name_server* server, resolver_options limits,
                          std::function<aio::task<>(resolver&)> inner) -> aio::task<> {
            const auto executor = co_await aio::this_executor();
            aio::blocking_pool pool(2, 8);
            const auto resolver = make_resolver(
                executor, pool, base::system_clock(),
                [server](const std::string& host) { return server->look_up(host); }, limits);
            co_return co_await inner(*resolver);
        };
        const auto result = aio::block_on(on_loop(&server_, options, std::move(body)));
        EXPECT_TRUE(result) << result.error().text;
    }
    name_server server_;
};

TEST_F(name_resolver, looks_up_a_fresh_name_once) {
    run([this](resolver& resolver) -> aio::task<> {
        for (int count = 0; count < 3; ++count) {
            auto address = co_await resolver.resolve("a", soon());
            EXPECT_EQ(address.value(), "127.0.0.1");
        }
        EXPECT_EQ(server_.count_of("a"), 1);
        resolver.forget("a");
        server_.set_address("127.0.0.2");
        auto address = co_await resolver.resolve("a", soon());
        EXPECT_EQ(address.value(), "127.0.0.2");
        co_return base::ok();
    });
}

TEST_F(name_resolver, returns_a_stale_address_and_looks_it_up_again) {
    run(
        [this](resolver& resolver) -> aio::task<> {
            auto address = co_await resolver.resolve("a", soon());
            server_.set_address("127.0.0.2");
            address = co_await resolver.resolve("a", soon());
            EXPECT_EQ(address.value(), "127.0.0.1") << "a cached address is returned immediately";
            while (*address == "127.0.0.1") {
                auto yielded = co_await aio::sleep_for(0s);
                if (!yielded) co_return yielded;
                address = co_await resolver.resolve("a", soon());
            }
            EXPECT_EQ(address.value(), "127.0.0.2");
            server_.fail(base::errc::unavailable);
            const auto before = server_.count_of("a");
            while (server_.count_of("a") < before + 3) {
                address = co_await resolver.resolve("a", soon());
                EXPECT_EQ(address.value(), "127.0.0.2")
                    << "an unavailable name server drops no address";
                auto yielded = co_await aio::sleep_for(0s);
                if (!yielded) co_return yielded;
            }
            co_return base::ok();
        },
        {.fresh_for = 0s});
}

TEST_F(name_resolver, reports_names_that_do_not_exist) {
    run([this](resolver& resolver) -> aio::task<> {
        server_.fail(base::errc::not_found);
        const auto none = co_await resolver.resolve("a", soon());
        EXPECT_EQ(none.error().code, base::errc::not_found);
        server_.set_address("127.0.0.1");
        const auto address = co_await resolver.resolve("a", soon());
        EXPECT_TRUE(address) << "a failure is not cached";
        co_return base::ok();
    });
}

TEST_F(name_resolver, times_out_at_the_deadline_of_the_caller) {
    run([this](resolver& resolver) -> aio::task<> {
        auto quick = co_await resolver.resolve("quick", soon());
        EXPECT_TRUE(quick);
        const auto late = co_await resolver.resolve("slow", soon(5ms));
        EXPECT_EQ(late.error().code, base::errc::timed_out);
        quick = co_await resolver.resolve("another", soon());
        EXPECT_TRUE(quick);
        server_.release();
        const auto address = co_await resolver.resolve("slow", soon());
        EXPECT_TRUE(address);
        EXPECT_EQ(server_.count_of("slow"), 1) << "both callers share one look-up";
        co_return base::ok();
    });
}

TEST_F(name_resolver, skips_queued_look_ups_after_destruction) {
    auto body = [](name_server* server) -> aio::task<> {
        const auto executor = co_await aio::this_executor();
        aio::blocking_pool pool(1, 8);
        auto resolver =
            make_resolver(executor, pool, base::system_clock(),
                          [server](const std::string& host) { return server->look_up(host); });
        for (const auto* host : {"slow", "queued"}) {
            const auto late = co_await resolver->resolve(host, soon(0ms));
            EXPECT_EQ(late.error().code, base::errc::timed_out);
        }
        resolver.reset();
        server->release();
        co_return base::ok();
    };
    EXPECT_TRUE(aio::block_on(body(&server_)));
    EXPECT_EQ(server_.count_of("queued"), 0);
}

TEST_F(name_resolver, bounds_its_cache) {
    run(
        [this](resolver& resolver) -> aio::task<> {
            for (const auto* host : {"a", "b", "c", "a"}) {
                auto address = co_await resolver.resolve(host, soon());
                EXPECT_TRUE(address);
            }
            EXPECT_EQ(server_.count_of("a"), 2);
            co_return base::ok();
        },
        {.fresh_for = 0s, .names_max = 2});
}

}  // namespace
}  // namespace scrape
