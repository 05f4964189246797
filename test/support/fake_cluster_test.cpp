#include "test/support/fake_cluster.hpp"

#include "test/support/cluster_contract.hpp"

namespace fakes {
namespace {

class fake_world final : public cluster_world {
  public:
    ports::cluster& port() override { return cluster_; }

    aio::task<> run_operator(domain::database record) override {
        const auto* seen = cluster_.find(record.name);
        if (seen == nullptr || seen->deleting) co_return base::ok();
        if (!seen->paused && seen->phase != domain::observed_phase::ready) {
            cluster_.report(record.name, domain::observed_phase::ready);
        }
        for (auto count = seen->changes.size(); count > 0; --count) {
            cluster_.finish_change(record.name, domain::change_phase::successful);
        }
        co_return base::ok();
    }
    aio::task<> put_foreign_project(std::string project) override {
        cluster_.put_foreign_project(project);
        co_return base::ok();
    }
    aio::task<> put_foreign_object(domain::database record) override {
        cluster_.put_foreign_object(record);
        co_return base::ok();
    }
    aio::task<> delete_object(domain::database record) override {
        cluster_.delete_object(record.name);
        co_return base::ok();
    }
    aio::task<> block_deletion(domain::database record) override {
        cluster_.block_deletion(record.name);
        co_return base::ok();
    }
    aio::task<> unblock_deletion(domain::database record) override {
        cluster_.unblock_deletion(record.name);
        co_return base::ok();
    }
    aio::task<> put_stray_volume(domain::database record) override {
        cluster_.put_stray_volume(record.name);
        co_return base::ok();
    }
    aio::task<> delete_stray_volume(domain::database record) override {
        cluster_.delete_stray_volume(record.name);
        co_return base::ok();
    }
    aio::task<> set_password(domain::database record, std::string password) override {
        cluster_.set_password(record.name, std::move(password));
        co_return base::ok();
    }
    aio::task<std::string> snapshot_of(domain::database record) override {
        const auto* seen = cluster_.find(record.name);
        if (seen == nullptr) co_return std::string();
        auto text = seen->uid + " " + seen->owner_database_id + (seen->paused ? " paused" : "") +
                    (seen->deleting ? " deleting" : "");
        for (const auto& [key, value] : seen->labels) text.append(" ").append(key + "=" + value);
        co_return text;
    }
    aio::task<std::size_t> count_changes(domain::database record) override {
        const auto* seen = cluster_.find(record.name);
        co_return seen == nullptr ? std::size_t(0) : seen->changes.size();
    }
    aio::task<> add_version(std::string engine, ports::engine_version version) override {
        auto next = without(engine, version.name);
        auto& all = next->engines[engine];
        // Compares major versions only; those of the tests differ.
        const auto major = [](const ports::engine_version& version) {
            return std::stoi(version.version);
        };
        all.push_back(std::move(version));
        std::ranges::sort(all, std::greater<>(), major);
        cluster_.set_catalogue(std::move(next));
        co_return base::ok();
    }
    aio::task<> remove_version(std::string engine, std::string version) override {
        cluster_.set_catalogue(without(engine, version));
        co_return base::ok();
    }
    aio::task<> add_capacity(std::int64_t cpu_millis, std::int64_t memory_bytes) override {
        auto next = std::make_shared<ports::catalogue>(cluster_.current_catalogue());
        next->capacity_cpu_millis += cpu_millis;
        next->capacity_memory_bytes += memory_bytes;
        cluster_.set_catalogue(std::move(next));
        co_return base::ok();
    }
    aio::task<> disconnect() override {
        cluster_.set_sync_state(ports::sync_state::disconnected);
        co_return base::ok();
    }
    aio::task<> reconnect() override {
        cluster_.set_sync_state(ports::sync_state::synced);
        co_return base::ok();
    }
    aio::task<> inject_fault(std::string function, injected_fault fault) override {
        if (fault == injected_fault::unavailable) {
            cluster_.fail_next(function, {base::errc::unavailable, "the cluster is down"});
        } else if (fault == injected_fault::denied) {
            cluster_.fail_next(function, {base::errc::denied, "not allowed"});
        } else if (fault == injected_fault::lost_response) {
            cluster_.lose_next_response(function);
        } else {
            cluster_.hang_next(function);
        }
        co_return base::ok();
    }
    aio::task<> clear_faults() override {
        cluster_.clear_faults();
        co_return base::ok();
    }
    aio::task<> wait_until_hung() override {
        while (cluster_.hanging_calls() == 0) {
            auto yielded = co_await aio::sleep_for(std::chrono::nanoseconds(0));
            if (!yielded) co_return yielded;
        }
        co_return base::ok();
    }

  private:
    [[nodiscard]] std::shared_ptr<ports::catalogue> without(const std::string& engine,
                                                            const std::string& version) const {
        auto next = std::make_shared<ports::catalogue>(cluster_.current_catalogue());
        std::erase_if(next->engines[engine],
                      [&](const ports::engine_version& entry) { return entry.name == version; });
        return next;
    }
    fake_cluster cluster_{base::system_clock()};
};

INSTANTIATE_TEST_SUITE_P(fake, cluster_contract, ::testing::Values([](const aio::executor&) {
                             return std::make_unique<fake_world>();
                         }));

}  // namespace
}  // namespace fakes
