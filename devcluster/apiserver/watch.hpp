#pragma once
// One watch as a state machine: determines from the store and the time what to send next. It holds
// a position in the store's window and no queue. A slow watcher therefore costs no memory; it gets
// a 410 once its position is too old, as in Kubernetes. A watch of a type without changes stays
// valid when the window loses changes of other types. Pure.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "devcluster/apiserver/objects.hpp"
#include "devcluster/apiserver/representation.hpp"
#include "devcluster/apiserver/selector.hpp"

namespace apiserver {

struct watch_request {
    representation form;
    std::string ns;  // empty: all
    selector wanted;
    std::uint64_t after = 0;        // sends changes after this revision
    bool begins_with_all = false;   // first sends ADDED for all objects at `after`
    bool marks_end_of_all = false;  // then sends a bookmark (sendInitialEvents)
    bool bookmarks = false;
    std::chrono::seconds timeout{1800};
};

class watch_feed {
  public:
    watch_feed(const object_store& objects, watch_request request, base::steady_time now);

    struct portion {
        std::shared_ptr<const std::string> bytes;  // null: nothing to send now
        bool is_last = false;
    };
    // Returns whole lines, up to a size limit. Call again until `bytes` is null.
    portion next(base::steady_time now);
    // The time at which next() has output even without a change.
    [[nodiscard]] base::steady_time due() const;
    [[nodiscard]] std::string type_key() const { return request_.form.type->key(); }
    // Makes next() report that the position is too old.
    void expire() { is_expired_ = true; }

  private:
    struct batch;
    portion too_old() const;
    bool add_present(batch& out);
    bool add_changes(batch& out);
    void add_change(batch& out, const change_event& event) const;
    [[nodiscard]] std::shared_ptr<const std::string> line(change_type type,
                                                          const stored_object& object) const;
    [[nodiscard]] std::shared_ptr<const std::string> bookmark(std::uint64_t revision,
                                                              bool ends_all) const;

    const object_store& objects_;
    watch_request request_;
    base::steady_time end_;
    base::steady_time next_bookmark_;
    object_key resume_key_;  // the next object of the initial list
    bool is_expired_ = false;
};

}  // namespace apiserver
