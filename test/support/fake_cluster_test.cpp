#include "test/support/fake_cluster.hpp"

#include "test/support/cluster_contract.hpp"

namespace fakes {
namespace {

class fake_world final : public cluster_world {
  public:
    ports::cluster& port() override { return cluster_; }

    aio::task<> work(domain::database on) override {
        const auto* seen = cluster_.find(on.name);
        if (seen == nullptr || seen->deleting) co_return base::ok();
        if (!seen->paused && seen->phase != domain::observed_phase::ready) {
            cluster_.report(on.name, domain::observed_phase::ready);
        }
        for (auto left = seen->changes.size(); left > 0; --left) {
            cluster_.finish_change(on.name, domain::change_phase::successful);
        }
        co_return base::ok();
    }
    aio::task<> put_foreign_project(std::string project) override {
        cluster_.put_foreign_project(project);
        co_return base::ok();
    }
    aio::task<> put_foreign(domain::database like) override {
        cluster_.put_foreign(like);
        co_return base::ok();
    }
    aio::task<> take_away(domain::database which) override {
        cluster_.vanish(which.name);
        co_return base::ok();
    }
    aio::task<> hold(domain::database which) override {
        cluster_.hold(which.name);
        co_return base::ok();
    }
    aio::task<> let_go(domain::database which) override {
        cluster_.let_go(which.name);
        co_return base::ok();
    }
    aio::task<> put_stray_volume(domain::database of) override {
        cluster_.put_stray_volume(of.name);
        co_return base::ok();
    }
    aio::task<> sweep(domain::database of) override {
        cluster_.sweep(of.name);
        co_return base::ok();
    }
    aio::task<> set_password(domain::database of, std::string password) override {
        cluster_.set_password(of.name, std::move(password));
        co_return base::ok();
    }
    aio::task<std::string> picture_of(domain::database which) override {
        const auto* seen = cluster_.find(which.name);
        if (seen == nullptr) co_return std::string();
        auto text = seen->uid + " " + seen->owner_database_id + (seen->paused ? " paused" : "") +
                    (seen->deleting ? " deleting" : "");
        for (const auto& [key, value] : seen->labels) text.append(" ").append(key + "=" + value);
        co_return text;
    }
    aio::task<std::size_t> changes_of(domain::database which) override {
        const auto* seen = cluster_.find(which.name);
        co_return seen == nullptr ? std::size_t(0) : seen->changes.size();
    }
    aio::task<> offer(std::string engine, ports::engine_version version) override {
        auto next = without(engine, version.name);
        auto& all = next->engines[engine];
        // Enough for the versions of the tests, whose first numbers differ.
        const auto number = [](const ports::engine_version& of) { return std::stoi(of.version); };
        all.push_back(std::move(version));
        std::ranges::sort(all, std::greater<>(), number);
        cluster_.offer(std::move(next));
        co_return base::ok();
    }
    aio::task<> withdraw(std::string engine, std::string version) override {
        cluster_.offer(without(engine, version));
        co_return base::ok();
    }
    aio::task<> add_room(std::int64_t cpu_millis, std::int64_t memory_bytes) override {
        auto next = std::make_shared<ports::catalogue>(cluster_.offered());
        next->capacity_cpu_millis += cpu_millis;
        next->capacity_memory_bytes += memory_bytes;
        cluster_.offer(std::move(next));
        co_return base::ok();
    }
    aio::task<> cut_link() override {
        cluster_.link(ports::sync_state::disconnected);
        co_return base::ok();
    }
    aio::task<> mend_link() override {
        cluster_.link(ports::sync_state::synced);
        co_return base::ok();
    }
    aio::task<> make_trouble(std::string function, trouble what) override {
        if (what == trouble::down) {
            cluster_.fail_next(function, {base::errc::unavailable, "the cluster is down"});
        } else if (what == trouble::denied) {
            cluster_.fail_next(function, {base::errc::denied, "not allowed to"});
        } else if (what == trouble::lost) {
            cluster_.lose_next_answer(function);
        } else {
            cluster_.hang_next(function);
        }
        co_return base::ok();
    }
    aio::task<> calm() override {
        cluster_.forget_trouble();
        co_return base::ok();
    }
    aio::task<> until_hung() override {
        while (cluster_.hanging() == 0) {
            auto turned = co_await aio::sleep_for(std::chrono::nanoseconds(0));
            if (!turned) co_return turned;
        }
        co_return base::ok();
    }

  private:
    [[nodiscard]] std::shared_ptr<ports::catalogue> without(const std::string& engine,
                                                            const std::string& version) const {
        auto next = std::make_shared<ports::catalogue>(cluster_.offered());
        std::erase_if(next->engines[engine],
                      [&](const ports::engine_version& each) { return each.name == version; });
        return next;
    }
    fake_cluster cluster_{base::system_clock()};
};

INSTANTIATE_TEST_SUITE_P(fake, cluster_contract, ::testing::Values([](const aio::executor&) {
                             return std::make_unique<fake_world>();
                         }));

}  // namespace
}  // namespace fakes
