#pragma once
// One watch as a state machine: what it has to send next, by the store and the time. It keeps a
// position in the store's window and no queue, so a slow watcher costs nothing and in the end finds
// that its position is too old (410), as a slow watcher of Kubernetes does; one of a quiet type has
// missed nothing, however much of other types the window has lost. Pure.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "devcluster/apiserver/objects.hpp"
#include "devcluster/apiserver/representation.hpp"
#include "devcluster/apiserver/selector.hpp"

namespace apiserver {

struct watch_order {
    presentation how;
    std::string ns;  // empty: all
    selector wanted;
    std::uint64_t after = 0;        // changes beyond this revision
    bool begins_with_all = false;   // ADDED for everything at `after` first
    bool marks_end_of_all = false;  // and a bookmark that says so (sendInitialEvents)
    bool bookmarks = false;
    std::chrono::seconds timeout{1800};
};

class watch_feed {
  public:
    watch_feed(const object_store& objects, watch_order order, base::steady_time now);

    struct portion {
        std::shared_ptr<const std::string> bytes;  // null: nothing to send now
        bool is_last = false;
    };
    // Whole lines, up to a size; ask again until there are none.
    portion next(base::steady_time now);
    // When next() has something to say even without a change.
    [[nodiscard]] base::steady_time due() const;
    [[nodiscard]] std::string type_key() const { return order_.how.type->key(); }
    // next() tells the watcher that its position is too old.
    void expire() { is_expired_ = true; }

  private:
    struct batch;
    portion too_old() const;
    bool add_present(batch& into);
    bool add_changes(batch& into);
    void add_change(batch& into, const change_event& event) const;
    [[nodiscard]] std::shared_ptr<const std::string> line(change_type type,
                                                          const stored_object& object) const;
    [[nodiscard]] std::shared_ptr<const std::string> bookmark(bool ends_all) const;

    const object_store& objects_;
    watch_order order_;
    base::steady_time end_;
    base::steady_time next_bookmark_;
    object_key from_;  // where to go on among everything
    bool is_expired_ = false;
};

}  // namespace apiserver
