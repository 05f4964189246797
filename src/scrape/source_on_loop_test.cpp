#include "scrape/source_on_loop.hpp"

#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "test/support/threaded_loop.hpp"

namespace scrape {
namespace {

using namespace std::chrono_literals;
using shared_sample = std::shared_ptr<const domain::metrics_sample>;

// Exporters that never respond. Notes the threads of the calls.
class hung_source final : public ports::metrics_source {
  public:
    aio::task<shared_sample> scrape(ports::scrape_target, base::steady_time) override {
        threads.insert(std::this_thread::get_id());
        if (on_scrape) on_scrape();
        auto result = co_await aio::until_cancelled();
        threads.insert(std::this_thread::get_id());
        co_return std::unexpected(std::move(result).error());
    }
    void forget(const std::string& database_id) override {
        threads.insert(std::this_thread::get_id());
        forgotten.push_back(database_id);
    }
    std::set<std::thread::id> threads;
    std::vector<std::string> forgotten;
    std::function<void()> on_scrape;
};

TEST(source_on_loop, cancels_a_scrape_and_forgets_on_the_other_loop) {
    hung_source hung;
    fakes::threaded_loop other;
    const auto thread_id = other.id();
    const auto source = make_source_on_loop(other.executor(), hung);
    aio::loop control;
    aio::task_group scrapes(control.executor());
    hung.on_scrape = [&] { aio::post(control.executor(), [&] { scrapes.cancel(); }); };
    base::outcome<shared_sample> sample;
    scrapes.spawn([&]() -> aio::task<> {
        sample = co_await source->scrape({.database_id = "db-1"}, base::system_clock().now() + 1h);
        source->forget("db-1");
        co_return base::ok();
    });
    control.run();
    other.end();
    ASSERT_FALSE(sample);
    EXPECT_EQ(sample.error().code, base::errc::cancelled);
    EXPECT_EQ(hung.forgotten, std::vector<std::string>{"db-1"});
    EXPECT_EQ(hung.threads, std::set{thread_id});
}

}  // namespace
}  // namespace scrape
