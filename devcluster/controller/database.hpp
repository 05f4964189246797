#pragma once
// One database of the local operator: brings its members to what the object asks for and says in
// Kubernetes' objects how they are. Asked again after every change of either. One loop.

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "devcluster/controller/kinds.hpp"
#include "devcluster/controller/objects.hpp"
#include "devcluster/runtime/member.hpp"

namespace controller {

class local_database : public std::enable_shared_from_this<local_database> {
  public:
    local_database(host& with, const engine_kind& kind, std::function<void()> on_change);

    // One step towards the object's wish; members report through on_change. Failures: those of the
    // Kubernetes client; the caller tries again.
    aio::task<> reconcile(json::object object);
    // Deleted, with everything that belonged to it.
    [[nodiscard]] bool is_gone() const noexcept { return is_gone_; }
    [[nodiscard]] bool is_ready() const;
    [[nodiscard]] std::int64_t member_count() const noexcept {
        return static_cast<std::int64_t>(members_.size());
    }
    // A change of an OpsRequest is under way: health is not judged.
    void set_paused(bool paused) { is_paused_ = paused; }

    void restart_members();
    void stop_members();
    aio::task<> join_members();

  private:
    struct running {
        std::unique_ptr<runtime::member> member;
        std::unique_ptr<aio::task_group> task;
    };
    aio::task<> take_down(const wanted_database& wanted);
    aio::task<> bring_up(const wanted_database& wanted);
    aio::task<> shrink(const wanted_database& wanted);
    aio::task<> start_member(const wanted_database& wanted, int ordinal);
    aio::task<> publish(const wanted_database& wanted);
    aio::task<> publish_pods(const wanted_database& wanted);
    aio::task<> publish_status(const wanted_database& wanted);
    aio::task<> emit_events(const wanted_database& wanted);
    aio::task<std::string> password_of(const wanted_database& wanted);
    aio::task<> remove_member(const wanted_database& wanted, int ordinal);
    [[nodiscard]] std::string folder_of(const wanted_database& wanted) const;

    host& host_;
    const engine_kind& kind_;
    const runtime::engine* engine_;
    std::function<void()> on_change_;
    std::map<int, running> members_;
    std::string password_;
    std::string told_status_;
    std::map<int, std::string> told_pods_;
    std::string told_endpoints_;
    struct pending_event {
        std::string type;
        std::string reason;
        std::string message;
    };
    std::vector<pending_event> events_;
    std::map<std::string, int> event_counts_;
    bool was_ready_ = false;
    bool is_gone_ = false;
    bool is_paused_ = false;
    bool has_base_objects_ = false;
};

// Folders of databases that no object stands for ("namespace/name" of those that are), left by a
// crash between the end of the object and the end of its data.
void remove_unknown_members(const host& with, const std::string& engine,
                            const std::set<std::string>& present);

}  // namespace controller
