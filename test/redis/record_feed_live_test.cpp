// Two platforms over one document store exchange their writes through a real Redis.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "app/service.hpp"
#include "redis/redis_bus.hpp"
#include "test/redis/client_stage.hpp"
#include "test/redis/redis_servers.hpp"
#include "test/support/fake_cluster.hpp"
#include "test/support/fake_metrics_source.hpp"
#include "test/support/memory_document_store.hpp"
#include "test/support/state_recorder.hpp"

namespace fakes {
namespace {

using namespace std::chrono_literals;

struct platform_process {
    platform_process(aio::loop& loop, ports::document_store& store, const std::string& url)
        : stage(loop, url), bus(redis::make_bus(stage.client())), cluster(clock), metrics(clock) {
        // The cluster stays unsynced, so that only writes of records are exchanged.
        cluster.start_as(ports::sync_state::starting);
        service = app::make_service(
            {.executor = loop.executor(),
             .store = store,
             .cluster = cluster,
             .metrics = metrics,
             .clock = clock,
             .log = obs::null_log(),
             .registry = registry,
             .health = health,
             .bus = bus.get()},
            {.anti_entropy_interval = 1h, .anti_entropy_interval_without_bus = 200ms});
    }
    const base::clock& clock = base::system_clock();
    client_stage stage;
    std::unique_ptr<ports::bus> bus;
    fake_cluster cluster;
    fake_metrics_source metrics;
    obs::registry registry;
    app::readiness health;
    std::unique_ptr<app::service> service;
    state_recorder seen;
};

class record_feed_live : public ::testing::Test {
  protected:
    void SetUp() override {
        if (!is_redis_installed()) GTEST_SKIP() << "redis-server is not installed";
        server_ = std::make_unique<redis_server>(folder_, redis_server_options{});
        const auto url = fmt::format("redis://127.0.0.1:{}", server_->port());
        for (auto* process : {&first_, &second_}) {
            *process = std::make_unique<platform_process>(loop_, store_, url);
            auto& service = *(*process)->service;
            ASSERT_TRUE(run_until_done<void>(loop_, [&] { return service.load(); }));
            service.interfaces().state.listen((*process)->seen.observers());
            loops_.spawn([&service] { return service.run(); });
            ASSERT_TRUE((*process)->stage.wait_until_connected());
        }
        ASSERT_TRUE(run_until(loop_, [&] { return subscribers() == 2; }));
    }
    void TearDown() override {
        (void)run_until_done<void>(loop_, [this]() -> aio::task<void> {
            loops_.cancel();
            return loops_.join();
        });
    }
    std::int64_t subscribers() {
        const auto response = server_->run({"PUBSUB", "NUMSUB", "dbaas:records"});
        return response.items.size() == 2 ? response.items[1].integer : 0;
    }
    void create(platform_process& writer, const std::string& name) {
        const auto created = run_until_done<std::shared_ptr<const domain::project>>(loop_, [&] {
            return writer.service->interfaces().projects.create_project({.name = name}, {},
                                                                        caller_);
        });
        ASSERT_TRUE(created) << created.error().text;
    }
    bool shows(platform_process& reader, const std::string& name) {
        return run_until(loop_, [&] { return reader.seen.projects.contains(name); }, 10s);
    }

    server_folder folder_;
    std::unique_ptr<redis_server> server_;
    aio::loop loop_;
    memory_document_store store_;
    std::unique_ptr<platform_process> first_;
    std::unique_ptr<platform_process> second_;
    aio::task_group loops_{loop_.executor()};
    app::caller caller_{.subject = "tester"};
};

TEST_F(record_feed_live, a_write_of_one_process_reaches_the_other_over_the_bus) {
    // The anti-entropy of connected processes would need an hour.
    create(*first_, "project-1");
    ASSERT_TRUE(shows(*second_, "project-1"));
    create(*second_, "project-2");
    EXPECT_TRUE(shows(*first_, "project-2"));
}

TEST_F(record_feed_live, writes_arrive_without_redis_and_again_with_it) {
    server_->kill();
    ASSERT_TRUE(run_until(loop_, [&] { return !second_->stage.client().is_connected(); }));
    create(*first_, "project-1");
    EXPECT_TRUE(shows(*second_, "project-1"));  // by anti-entropy
    EXPECT_TRUE(run_until(
        loop_, [&] { return second_->health.bus() == app::component_state::disconnected; }));

    server_->start();
    ASSERT_TRUE(run_until(loop_, [&] { return subscribers() == 2; }));
    EXPECT_TRUE(
        run_until(loop_, [&] { return second_->health.bus() == app::component_state::connected; }));
    create(*first_, "project-2");
    EXPECT_TRUE(shows(*second_, "project-2"));
}

}  // namespace
}  // namespace fakes
