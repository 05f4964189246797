#pragma once
// A cluster in memory. Objects become ready, change and disappear when a test calls for it. A test
// can inject faults. Lives on the loop of the test. Passes cluster_contract.

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

    // Starts in the sync state of start_as(), which is `synced` by default.
    aio::task<void> run(ports::cluster_observer& observer) override;
    aio::task<void> ensure_project(domain::project project, std::string traceparent) override;
    aio::task<std::string> create(domain::database database) override;
    aio::task<void> update(domain::database database) override;
    aio::task<void> request_change(domain::database database, domain::change_kind kind,
                                   std::string operation_id) override;
    aio::task<bool> remove(domain::database database) override;
    aio::task<ports::credentials> read_credentials(domain::database database,
                                                   std::string traceparent) override;
    [[nodiscard]] ports::sync_state state() const noexcept override { return state_; }

    // ---- the operator
    // Sets the phase of the object and of all its members, as the operator would.
    void report(const std::string& name, domain::observed_phase phase);
    // Replaces the events of the object. The newest is the last one.
    void report_events(const std::string& name, std::vector<domain::event> events);
    // Ends the oldest unfinished change. Applies it to the object if it succeeded.
    void finish_change(const std::string& name, domain::change_phase phase);

    // ---- administrators
    void delete_object(const std::string& name);
    // Deletes the object as if the watch did not report it. The next call that needs the object
    // reports its absence.
    void delete_unnoticed(const std::string& name) { objects_.erase(name); }
    void put_foreign_object(const domain::database& record);
    void put_foreign_project(const std::string& name) { foreign_projects_.insert(name); }
    // Keeps the object in the state "deleting", once it is deleted, until unblock_deletion().
    void block_deletion(const std::string& name) { deletion_blocked_.insert(name); }
    void unblock_deletion(const std::string& name);
    // Adds a volume that the operator does not delete.
    void put_stray_volume(const std::string& name) { stray_volumes_.insert(name); }
    void delete_stray_volume(const std::string& name);
    void set_password(const std::string& name, std::string password);
    void set_catalogue(std::shared_ptr<const ports::catalogue> catalogue);
    [[nodiscard]] const ports::catalogue& current_catalogue() const noexcept { return *catalogue_; }
    // The fake publishes nothing unless it is synced. It publishes everything when it becomes
    // synced.
    void set_sync_state(ports::sync_state state);
    // Sets the sync state with which run() starts.
    void start_as(ports::sync_state state) { initial_state_ = state; }
    // Publishes the members of a database as if its object had not been listed yet.
    void publish_without_object(const std::string& name);

    // ---- faults
    // Makes the next call of this function ("create") fail without effect.
    void fail_next(const std::string& call, base::failure failure) {
        failures_[call] = std::move(failure);
    }
    // Makes the next call take effect and fail with timed_out.
    void lose_next_response(const std::string& call = "create") { lost_responses_.insert(call); }
    // Makes the next call take effect and hang until it is cancelled.
    void hang_next(const std::string& call) { hung_calls_.insert(call); }
    void clear_faults();
    [[nodiscard]] std::size_t hanging_calls() const noexcept { return hanging_calls_; }

    [[nodiscard]] bool has(const std::string& name) const { return objects_.contains(name); }
    [[nodiscard]] std::size_t size() const noexcept { return objects_.size(); }
    // Returns nullptr if there is no object.
    [[nodiscard]] const domain::observed_database* find(const std::string& name) const;
    [[nodiscard]] const std::vector<std::string>& calls() const noexcept { return calls_; }

  private:
    struct object {
        ports::database_key key;
        domain::observed_database state;
        std::map<std::string, domain::database> wanted;  // by name of the change
        std::string password;
    };
    object& make(const domain::database& record, const std::string& owner);
    base::outcome<void> enter(const std::string& call, const std::string& name);
    aio::task<> leave(std::string call);
    // Publishes what it finds instead of the object. Errors: not_found, precondition.
    base::outcome<object*> object_of(const domain::database& record);
    void publish(object& target);
    void publish_all();
    void finish_deletion(const std::string& name);

    const base::clock& clock_;
    ports::cluster_observer* observer_ = nullptr;
    ports::sync_state state_ = ports::sync_state::starting;
    ports::sync_state initial_state_ = ports::sync_state::synced;
    std::shared_ptr<const ports::catalogue> catalogue_;
    std::map<std::string, object> objects_;  // by name; tests use one project
    std::map<std::string, object> deleted_;  // published as missing or with leftovers
    std::set<std::string> foreign_projects_;
    std::set<std::string> deletion_blocked_;
    std::set<std::string> stray_volumes_;
    std::map<std::string, base::failure> failures_;
    std::set<std::string> lost_responses_;
    std::set<std::string> hung_calls_;
    std::size_t hanging_calls_ = 0;
    std::vector<std::string> calls_;
    int uids_ = 0;
};

}  // namespace fakes
