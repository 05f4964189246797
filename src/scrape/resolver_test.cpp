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

// A name server of the test's: names of "slow..." wait until it is released.
class name_server {
  public:
    base::outcome<std::string> look_up(const std::string& host) {
        if (host.starts_with("slow")) released_.wait();
        const std::lock_guard lock(mutex_);
        ++asked_[host];
        if (trouble_) return std::unexpected(*trouble_);
        return address_;
    }
    void release() { release_.set_value(); }
    void say(std::string address) {
        const std::lock_guard lock(mutex_);
        address_ = std::move(address);
        trouble_.reset();
    }
    void fail(base::errc code) {
        const std::lock_guard lock(mutex_);
        trouble_ = base::failure{.code = code, .text = "the name server is in trouble"};
    }
    int asked(const std::string& host) {
        const std::lock_guard lock(mutex_);
        return asked_[host];
    }

  private:
    std::mutex mutex_;
    std::string address_ = "127.0.0.1";
    std::optional<base::failure> trouble_;
    std::map<std::string, int> asked_;
    std::promise<void> release_;
    std::shared_future<void> released_{release_.get_future().share()};
};

class resolver_names : public testing::Test {
  protected:
    // Runs a test on a loop of its own.
    void play(std::function<aio::task<>(resolver&)> act, resolver_options how = {}) {
        auto whole = [](name_server* server, resolver_options with,
                        std::function<aio::task<>(resolver&)> inner) -> aio::task<> {
            const auto on = co_await aio::this_executor();
            aio::blocking_pool pool(2, 8);
            const auto names = make_resolver(
                on, pool, base::system_clock(),
                [server](const std::string& host) { return server->look_up(host); }, with);
            co_return co_await inner(*names);
        };
        const auto played = aio::block_on(whole(&server_, how, std::move(act)));
        EXPECT_TRUE(played) << played.error().text;
    }
    name_server server_;
};

TEST_F(resolver_names, are_looked_up_once_while_fresh) {
    play([this](resolver& names) -> aio::task<> {
        for (int turn = 0; turn < 3; ++turn) {
            auto found = co_await names.resolve("a", soon());
            EXPECT_EQ(found.value(), "127.0.0.1");
        }
        EXPECT_EQ(server_.asked("a"), 1);
        names.forget("a");
        server_.say("127.0.0.2");
        auto found = co_await names.resolve("a", soon());
        EXPECT_EQ(found.value(), "127.0.0.2");
        co_return base::ok();
    });
}

TEST_F(resolver_names, that_are_old_are_given_and_looked_up_beside) {
    play(
        [this](resolver& names) -> aio::task<> {
            auto found = co_await names.resolve("a", soon());
            server_.say("127.0.0.2");
            found = co_await names.resolve("a", soon());
            EXPECT_EQ(found.value(), "127.0.0.1") << "nobody waits for a name that is known";
            while (*found == "127.0.0.1") {
                auto turned = co_await aio::sleep_for(0s);
                if (!turned) co_return turned;
                found = co_await names.resolve("a", soon());
            }
            EXPECT_EQ(found.value(), "127.0.0.2");
            server_.fail(base::errc::unavailable);
            const auto before = server_.asked("a");
            while (server_.asked("a") < before + 3) {
                found = co_await names.resolve("a", soon());
                EXPECT_EQ(found.value(), "127.0.0.2") << "a name server's trouble takes no address";
                auto turned = co_await aio::sleep_for(0s);
                if (!turned) co_return turned;
            }
            co_return base::ok();
        },
        {.fresh_for = 0s});
}

TEST_F(resolver_names, that_do_not_exist_are_said_so) {
    play([this](resolver& names) -> aio::task<> {
        server_.fail(base::errc::not_found);
        const auto none = co_await names.resolve("a", soon());
        EXPECT_EQ(none.error().code, base::errc::not_found);
        server_.say("127.0.0.1");
        const auto found = co_await names.resolve("a", soon());
        EXPECT_TRUE(found) << "a failure is not remembered";
        co_return base::ok();
    });
}

TEST_F(resolver_names, that_are_slow_hold_nobody_past_his_deadline) {
    play([this](resolver& names) -> aio::task<> {
        auto quick = co_await names.resolve("quick", soon());
        EXPECT_TRUE(quick);
        const auto late = co_await names.resolve("slow", soon(5ms));
        EXPECT_EQ(late.error().code, base::errc::timed_out);
        quick = co_await names.resolve("another", soon());
        EXPECT_TRUE(quick);
        server_.release();
        const auto found = co_await names.resolve("slow", soon());
        EXPECT_TRUE(found);
        EXPECT_EQ(server_.asked("slow"), 1) << "the look-up of the first was the second's too";
        co_return base::ok();
    });
}

TEST_F(resolver_names, that_nobody_wants_any_more_are_not_looked_up) {
    auto act = [](name_server* server) -> aio::task<> {
        const auto on = co_await aio::this_executor();
        aio::blocking_pool pool(1, 8);
        auto names =
            make_resolver(on, pool, base::system_clock(),
                          [server](const std::string& host) { return server->look_up(host); });
        for (const auto* host : {"slow", "behind it"}) {
            const auto late = co_await names->resolve(host, soon(0ms));
            EXPECT_EQ(late.error().code, base::errc::timed_out);
        }
        names.reset();
        server->release();
        co_return base::ok();
    };
    EXPECT_TRUE(aio::block_on(act(&server_)));
    EXPECT_EQ(server_.asked("behind it"), 0);
}

TEST_F(resolver_names, are_not_remembered_without_end) {
    play(
        [this](resolver& names) -> aio::task<> {
            for (const auto* host : {"a", "b", "c", "a"}) {
                auto found = co_await names.resolve(host, soon());
                EXPECT_TRUE(found);
            }
            EXPECT_EQ(server_.asked("a"), 2);
            co_return base::ok();
        },
        {.fresh_for = 0s, .names_max = 2});
}

}  // namespace
}  // namespace scrape
