#pragma once
// Keeps a local copy of one kind, cluster-wide: LIST in pages, then WATCH with bookmarks, relist
// only after 410. The hard part is the sans-io state machine in reflector.hpp; this is its thin
// shell. Lives on one loop; objects are immutable snapshots.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "aio/task.hpp"
#include "base/clock.hpp"
#include "kube/fwd.hpp"
#include "kube/object_meta.hpp"
#include "kube/resource.hpp"

namespace kube {

struct informer_options {
    resource kind;
    std::string ns{};  // empty = all
    std::string label_selector{};
    std::size_t page_size = 500;
    bool prefer_watch_list = false;  // sendInitialEvents, falls back to LIST if rejected
    std::chrono::seconds watch_timeout_min{300};
    std::chrono::seconds watch_timeout_max{600};
    std::uint64_t seed = 1;
    // Waits between failures: the first, doubled up to the maximum, with jitter on top. The maximum
    // bounds the time from the end of an outage to the next attempt: 8 s with the jitter. An
    // overloaded server asks for more with Retry-After.
    std::chrono::milliseconds retry_first{800};
    std::chrono::milliseconds retry_max{4000};
};

// Called on the loop. `object` is the raw JSON text of one object (managedFields still in it; the
// callee keeps what it needs).
class informer_listener {
  public:
    virtual ~informer_listener() = default;
    virtual void on_upsert(const object_meta& meta, std::string_view object_json) = 0;
    virtual void on_delete(
        const object_meta& meta) = 0;  // also for objects found missing by a relist
    virtual void on_synced() = 0;      // the first complete list has been delivered
    // Called when the sync state or the error text changes.
    virtual void on_sync_state(bool connected, const std::string& error) = 0;
};

struct informer_counters {
    std::uint64_t lists = 0;
    std::uint64_t watches = 0;
    std::uint64_t events = 0;  // of objects; bookmarks are not counted
    std::uint64_t objects = 0;
    bool synced = false;
    base::steady_time last_activity{};  // last list page, event or bookmark
};

class informer {
  public:
    virtual ~informer() = default;
    // Runs until cancelled or until the path is not served (status_reason::not_served). It may then
    // be run again and continues from the known objects.
    virtual aio::task<> run() = 0;
    // Lists one object and compares the version of the server with the position of the open watch.
    // Starts a list if the server's version is older: a watch from a future version is silent.
    // Returns false then, and true otherwise or without an open watch. May be called while run() is
    // active. Errors: those of the client.
    virtual aio::task<bool> verify_position() = 0;
    // Returns the version that the open watch has reached; empty without an open watch.
    [[nodiscard]] virtual std::string position() const = 0;
    // Reports all known objects as deleted. Must not be called while run() is active.
    virtual void forget() = 0;
    [[nodiscard]] virtual informer_counters counters() const noexcept = 0;
};

// client, listener and clock must outlive it.
std::unique_ptr<informer> make_informer(client& client, informer_options options,
                                        informer_listener& listener, const base::clock& clock);

}  // namespace kube
