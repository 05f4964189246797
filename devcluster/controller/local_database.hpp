#pragma once
// A database of the local operator: brings its members to the desired state of the object and
// publishes their state as Kubernetes objects. The operator reconciles after every change of
// either. One loop; at most one call of reconcile() at a time.

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "devcluster/controller/database_health.hpp"
#include "devcluster/controller/database_publisher.hpp"
#include "devcluster/controller/kinds.hpp"
#include "devcluster/controller/kubedb_objects.hpp"
#include "devcluster/controller/object_writer.hpp"
#include "devcluster/runtime/member.hpp"

namespace controller {

class local_database {
  public:
    local_database(operator_deps& deps, const engine_kind& kind, std::function<void()> on_change);

    // Takes one step towards the desired state. Members report through on_change. Errors: the
    // Kubernetes client's and the disk's; the caller retries.
    aio::task<> reconcile(json::object object);
    // Stops the members and deletes what the deletion policy does not keep.
    aio::task<> delete_everything();

    // True after the deletion of the database and everything that belongs to it.
    [[nodiscard]] bool is_deleted() const noexcept { return is_deleted_; }
    [[nodiscard]] bool can_run() const noexcept { return facts_.rejection.empty(); }
    // True if all desired members are ready and no restart is pending.
    [[nodiscard]] bool is_settled() const;
    // Sets the condition that an OpsRequest is in progress.
    void set_paused(bool paused);
    // Restarts the members once per `request`: one after the other while all are ready, the first
    // member last. Without `waits` all members restart immediately.
    void restart_members(const std::string& request, bool waits);
    // Drops pending restarts, because their request has ended.
    void forget_restarts() { to_restart_.clear(); }

    // An object of the database was deleted by another client: the next reconcile() creates it
    // again.
    void forget(const kube::resource& resource, const std::string& name);

    void stop_members();
    aio::task<> join_members();

  private:
    struct running {
        std::unique_ptr<runtime::member> member;
        std::unique_ptr<aio::task_group> task;
    };
    aio::task<> add_finalizer(const json::object& object);
    aio::task<> halt();
    aio::task<> reject(const json::object& object);
    aio::task<> finish_deletion(const json::object& object);
    aio::task<> remove_objects();
    aio::task<> start_members();
    aio::task<> start_member(int ordinal);
    aio::task<> shrink();
    aio::task<std::set<int>> find_surplus_members();
    aio::task<> remove_member(int ordinal);
    void update_plan(int ordinal, runtime::member& member);
    void restart_next();

    aio::task<> publish(const json::object& object);
    [[nodiscard]] database_view view() const;
    void update_facts();
    aio::task<std::string> find_password();
    void add_event(event_text event);
    [[nodiscard]] runtime::member* member_at(int ordinal) const;
    [[nodiscard]] std::vector<int> ordinals() const;
    [[nodiscard]] bool is_ready(int ordinal) const;

    operator_deps& deps_;
    const engine_kind& kind_;
    const runtime::engine* engine_;  // null: no runtime
    std::function<void()> on_change_;
    object_writer writer_;
    database_publisher publisher_;
    wanted_database wanted_;
    database_facts facts_;
    std::map<int, running> members_;
    std::string password_;
    bool has_lost_secret_ = false;
    std::set<std::string> restarts_done_;  // names of OpsRequests
    std::vector<int> to_restart_;          // ordinals, next one last
    // An interrupted removal, possibly by an earlier process, leaves a folder, claim or pod.
    bool may_have_leftovers_ = true;
    bool is_stopped_ = false;  // halted: no member runs and no service refers to one
    bool is_deleted_ = false;
};

}  // namespace controller
