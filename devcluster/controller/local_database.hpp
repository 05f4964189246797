#pragma once
// One database of the local operator: brings its members to what the object asks for and says in
// Kubernetes' objects how they are. Asked again after every change of either. One loop; at most one
// call of reconcile() at a time.

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "devcluster/controller/database_health.hpp"
#include "devcluster/controller/kinds.hpp"
#include "devcluster/controller/kubedb_objects.hpp"
#include "devcluster/controller/object_writer.hpp"
#include "devcluster/runtime/member.hpp"

namespace controller {

class local_database {
  public:
    local_database(host& with, const engine_kind& kind, std::function<void()> on_change);

    // One step towards the object's wish; members report through on_change. Failures: those of the
    // Kubernetes client and of the disk; the caller tries again.
    aio::task<> reconcile(json::object object);
    // Its object has vanished without us: what belonged to it goes as well.
    aio::task<> abandon();

    // Deleted, with everything that belonged to it.
    [[nodiscard]] bool is_gone() const noexcept { return is_gone_; }
    [[nodiscard]] bool can_run() const noexcept { return facts_.refusal.empty(); }
    // As many members as wanted, all ready, and none has a restart before it.
    [[nodiscard]] bool is_settled() const;
    // An OpsRequest is being carried out; told as a condition.
    void set_paused(bool paused);
    // Once per `request`: one member after the other, the first last, each when all are ready; at
    // once when that is not to be waited for.
    void restart_members(const std::string& request, bool waits);
    // Nobody waits for them any more.
    void forget_restarts() { to_restart_.clear(); }

    // An object of ours is gone without us: the next reconcile() makes it again.
    void forget(const kube::resource& what, const std::string& name);

    void stop_members();
    aio::task<> join_members();

  private:
    struct running {
        std::unique_ptr<runtime::member> member;
        std::unique_ptr<aio::task_group> task;
    };
    aio::task<> claim_object_for_us(const json::object& object);
    aio::task<> halt();
    aio::task<> refuse(const json::object& object);
    aio::task<> take_down(const json::object& object);
    aio::task<> remove_objects();
    aio::task<> bring_up();
    aio::task<> start_member(int ordinal);
    aio::task<> shrink();
    aio::task<std::set<int>> find_stored_beyond();
    aio::task<> remove_member(int ordinal);
    void update_plan(int ordinal, runtime::member& of);
    void restart_next();

    aio::task<> publish(const json::object& object);
    aio::task<> publish_services();
    aio::task<> publish_endpoints(std::string suffix, std::vector<endpoint_address> addresses,
                                  std::string port_name);
    aio::task<> publish_binding();
    aio::task<> publish_members();
    aio::task<> publish_status(const json::object& object);
    aio::task<> publish_events();
    aio::task<std::string> find_password();
    void note_event(event_text what);
    [[nodiscard]] runtime::member* member_at(int ordinal) const;
    [[nodiscard]] std::vector<int> ordinals() const;
    [[nodiscard]] bool is_ready(int ordinal) const;

    host& host_;
    const engine_kind& kind_;
    const runtime::engine* engine_;  // null: no runtime for it here
    std::function<void()> on_change_;
    object_writer writer_;
    wanted_database wanted_;
    database_facts facts_;
    std::map<int, running> members_;
    std::string password_;
    bool has_lost_secret_ = false;
    std::vector<event_text> events_;
    std::map<std::string, int> event_counts_;  // by reason
    std::set<std::string> restarts_done_;      // requests
    std::vector<int> to_restart_;              // ordinals, next one last
    bool refuses_endpoints_ = false;
    // An interrupted removal, by us or in an earlier life, leaves folder, claim or pod.
    bool may_have_leftovers_ = true;
    bool is_down_ = false;  // halted, and nothing points at it
    bool is_gone_ = false;
};

}  // namespace controller
