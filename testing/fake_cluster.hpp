#pragma once
// A cluster in memory that behaves: objects appear, become ready, change and go when a test says
// so. With switches for trouble. Lives on the test's loop.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "ports/cluster.hpp"

namespace fakes {

class fake_cluster final : public ports::cluster {
  public:
    explicit fake_cluster(const base::clock& clock) : clock_(clock) {}

    // Offers PostgreSQL 17.9 and Redis 7.0.15 and is synced as soon as run() has begun.
    aio::task<void> run(ports::cluster_observer& observer) override;
    aio::task<void> ensure_project(domain::project project) override;
    aio::task<std::string> create(domain::database database) override;
    aio::task<void> update(domain::database database) override;
    aio::task<void> request_change(domain::database database, domain::change_kind kind,
                                   std::string operation_id) override;
    aio::task<bool> remove(domain::database database) override;
    aio::task<ports::credentials> read_credentials(domain::database database) override;
    [[nodiscard]] ports::link_state state() const noexcept override { return state_; }

    // The object's phase as the operator would report it; all its members follow.
    void report(const std::string& name, domain::observed_phase phase);
    // The oldest unfinished change ends; a successful one is applied to the object.
    void finish_change(const std::string& name, domain::change_phase how);
    // Somebody else deletes the object.
    void vanish(const std::string& name);
    void link(ports::link_state state);

    // The next call of this kind ("create", "update", "request_change", "remove") fails so.
    void fail_next(const std::string& call, base::failure how) { failures_[call] = std::move(how); }
    // The next create happens, but its answer is lost.
    void lose_next_answer() { loses_answer_ = true; }

    [[nodiscard]] bool has(const std::string& name) const { return objects_.contains(name); }
    [[nodiscard]] std::size_t size() const noexcept { return objects_.size(); }
    [[nodiscard]] const std::vector<std::string>& calls() const noexcept { return calls_; }

  private:
    struct object {
        domain::database made_from;
        domain::observed_database seen;
    };
    base::outcome<void> enter(const std::string& call, const std::string& name);
    void tell(const std::string& name);

    const base::clock& clock_;
    ports::cluster_observer* observer_ = nullptr;
    ports::link_state state_ = ports::link_state::starting;
    std::map<std::string, object> objects_;  // by name; tests use one project
    std::map<std::string, base::failure> failures_;
    std::vector<std::string> calls_;
    bool loses_answer_ = false;
    int uids_ = 0;
};

}  // namespace fakes
