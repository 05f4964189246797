#pragma once
// A cluster in memory that behaves: objects appear, become ready, change and go when a test says
// so. With switches for trouble. Lives on the test's loop. Passes cluster_contract.

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "aio/aio.hpp"
#include "base/clock.hpp"
#include "ports/cluster.hpp"

namespace fakes {

class fake_cluster final : public ports::cluster {
  public:
    // Offers PostgreSQL 17.9 and Redis 7.0.15.
    explicit fake_cluster(const base::clock& clock);

    // Synced as soon as it has begun, or what begin_as() says.
    aio::task<void> run(ports::cluster_observer& observer) override;
    aio::task<void> ensure_project(domain::project project) override;
    aio::task<std::string> create(domain::database database) override;
    aio::task<void> update(domain::database database) override;
    aio::task<void> request_change(domain::database database, domain::change_kind kind,
                                   std::string operation_id) override;
    aio::task<bool> remove(domain::database database) override;
    aio::task<ports::credentials> read_credentials(domain::database database) override;
    [[nodiscard]] ports::sync_state state() const noexcept override { return state_; }

    // ---- the operator
    // The object's phase as the operator would report it; all its members follow.
    void report(const std::string& name, domain::observed_phase phase);
    // The oldest unfinished change ends; a successful one is applied to the object.
    void finish_change(const std::string& name, domain::change_phase how);

    // ---- somebody else
    void vanish(const std::string& name);  // deletes the object
    void put_foreign(const domain::database& like);
    void put_foreign_project(const std::string& name) { foreign_projects_.insert(name); }
    // Once deleted, the object is "deleting" until it is let go.
    void hold(const std::string& name) { held_.insert(name); }
    void let_go(const std::string& name);
    // A volume that does not go with the database, until it is swept.
    void put_stray_volume(const std::string& name) { stray_volumes_.insert(name); }
    void sweep(const std::string& name);
    void set_password(const std::string& name, std::string password);
    void offer(std::shared_ptr<const ports::catalogue> what);
    [[nodiscard]] const ports::catalogue& offered() const noexcept { return *offer_; }
    // While the link is not synced nothing is told; afterwards everything is.
    void link(ports::sync_state state);
    // The link's state when run() begins.
    void begin_as(ports::sync_state state) { first_state_ = state; }
    // Parts of a database are reported while its object has not been listed yet.
    void tell_without_object(const std::string& name);

    // ---- trouble
    // The next call of this function ("create", ...) fails so, and nothing was done.
    void fail_next(const std::string& call, base::failure how) { failures_[call] = std::move(how); }
    // The next call happens, but its answer is lost: timed_out.
    void lose_next_answer(const std::string& call = "create") { lost_.insert(call); }
    // The next call happens, but never answers: it ends when it is cancelled.
    void hang_next(const std::string& call) { hung_.insert(call); }
    void forget_trouble();
    [[nodiscard]] std::size_t hanging() const noexcept { return hanging_; }

    [[nodiscard]] bool has(const std::string& name) const { return objects_.contains(name); }
    [[nodiscard]] std::size_t size() const noexcept { return objects_.size(); }
    // Null: there is none.
    [[nodiscard]] const domain::observed_database* find(const std::string& name) const;
    [[nodiscard]] const std::vector<std::string>& calls() const noexcept { return calls_; }

  private:
    struct object {
        ports::database_key key;
        domain::observed_database seen;
        std::map<std::string, domain::database> wanted;  // by change
        std::string password;
    };
    object& make(const domain::database& from, const std::string& owner);
    base::outcome<void> enter(const std::string& call, const std::string& name);
    aio::task<> leave(std::string call);
    // Failures: not_found, precondition.
    base::outcome<object*> object_of(const domain::database& record);
    void tell(object& which);
    void tell_all();
    void go(const std::string& name);

    const base::clock& clock_;
    ports::cluster_observer* observer_ = nullptr;
    ports::sync_state state_ = ports::sync_state::starting;
    ports::sync_state first_state_ = ports::sync_state::synced;
    std::shared_ptr<const ports::catalogue> offer_;
    std::map<std::string, object> objects_;  // by name; tests use one project
    std::map<std::string, object> gone_;     // told as gone, or with something left of them
    std::set<std::string> foreign_projects_;
    std::set<std::string> held_;
    std::set<std::string> stray_volumes_;
    std::map<std::string, base::failure> failures_;
    std::set<std::string> lost_;
    std::set<std::string> hung_;
    std::size_t hanging_ = 0;
    std::vector<std::string> calls_;
    int uids_ = 0;
};

}  // namespace fakes
