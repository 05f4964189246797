#pragma once
// The fixture of the tests of app: a service over fakes. All of it runs on one loop, which the test
// polls.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "app/service.hpp"
#include "test/support/fake_cluster.hpp"
#include "test/support/fake_metrics_source.hpp"
#include "test/support/gated_store.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/memory_document_store.hpp"
#include "test/support/poll_until_done.hpp"
#include "test/support/state_recorder.hpp"

namespace fakes {

class service_stage : public testing::Test {
  protected:
    void SetUp() override { start(); }
    void TearDown() override { stop(); }

    void start() {
        health_ = std::make_unique<app::readiness>();
        registry_ = std::make_unique<obs::registry>();
        service_ = app::make_service({.executor = loop_.executor(),
                                      .store = gate_,
                                      .cluster = cluster_,
                                      .metrics = metrics_,
                                      .clock = clock_,
                                      .log = obs::null_log(),
                                      .registry = *registry_,
                                      .health = *health_},
                                     {.metrics_interval = std::chrono::seconds(10),
                                      .provision_timeout = std::chrono::seconds(100)});
        seen_ = std::make_unique<state_recorder>();
        group_ = std::make_unique<aio::task_group>(loop_.executor());
        ASSERT_TRUE(await<void>([this] { return service_->load(); }));
        service_->interfaces().state.listen(seen_->observers());
        group_->spawn(service_->run());
        settle();
    }
    void stop() {
        group_->cancel();
        while (group_->size() > 0) loop_.poll();
        (void)await<void>([this] { return service_->close(); });
        service_.reset();
    }
    void settle() { poll_until_idle(loop_); }
    template <class T>
    base::outcome<T> await(std::function<aio::task<T>()> start) {
        auto result = poll_until_done<T>(loop_, std::move(start));
        settle();
        return result;
    }

    // ---- calls of the tester
    app::database_commands& databases() { return service_->interfaces().databases; }
    app::project_commands& projects() { return service_->interfaces().projects; }
    app::idempotency_keys& keys() { return service_->interfaces().keys; }
    base::outcome<app::accepted> create(const std::string& name,
                                        const std::string& project = "default") {
        domain::create_request wanted{.project = project, .name = name, .engine = "redis"};
        return await<app::accepted>(
            [&] { return databases().create_database(wanted, {}, caller_); });
    }
    // Creates a database that is running.
    void create_ready(const std::string& name, const std::string& project = "default") {
        ASSERT_TRUE(create(name, project));
        cluster_.report(name, domain::observed_phase::ready);
        settle();
    }
    base::outcome<app::accepted> patch(const std::string& name, domain::patch_request wanted,
                                       app::write_conditions conditions = {}) {
        return await<app::accepted>(
            [&] { return databases().patch_database(id_of(name), wanted, conditions, caller_); });
    }
    base::outcome<app::accepted> remove(const std::string& name) {
        return await<app::accepted>(
            [&] { return databases().delete_database(id_of(name), {}, caller_); });
    }
    base::outcome<std::shared_ptr<const domain::project>> create_project(
        domain::project_request wanted) {
        return await<std::shared_ptr<const domain::project>>(
            [&] { return projects().create_project(wanted, {}, caller_); });
    }
    base::outcome<void> delete_project(const std::string& name) {
        return await<void>([&] { return projects().delete_project(name, {}, caller_); });
    }

    // ---- the published state
    std::string id_of(const std::string& name) { return seen_->databases.at(name)->record->id; }
    domain::status_phase phase(const std::string& name) {
        return seen_->databases.at(name)->status.phase;
    }
    domain::operation_phase operation(const base::outcome<app::accepted>& accepted) {
        return seen_->operations.at(accepted->operation->id).phase;
    }

    manual_clock clock_;
    memory_document_store store_;
    fake_cluster cluster_{clock_};
    fake_metrics_source metrics_{clock_};
    aio::loop loop_;
    gated_store gate_{store_, loop_.executor()};
    std::unique_ptr<app::readiness> health_;
    std::unique_ptr<obs::registry> registry_;
    std::unique_ptr<app::service> service_;
    std::unique_ptr<state_recorder> seen_;
    std::unique_ptr<aio::task_group> group_;
    app::caller caller_{.subject = "tester"};
};

}  // namespace fakes
