#pragma once
// The sessions that have ended while access tokens of them may still be valid, in the document
// store and in memory. Lives on the control loop, except where a function says otherwise. Owned by
// the service.

#include <memory>
#include <set>
#include <string>

#include "app/document_registry.hpp"
#include "base/atomic_shared_ptr.hpp"
#include "base/clock.hpp"

namespace app {

struct ended_session {
    std::string id;
    base::instant ended_at{};
    ports::revision revision = 0;
    bool operator==(const ended_session&) const = default;
};

class ended_sessions {
  public:
    ended_sessions(ports::document_store& store, const base::clock& clock);

    // Reads every id. Errors: unavailable, corrupt.
    aio::task<> load() { return registry_.load(); }
    // Compares the collection with the store once. Errors: unavailable, corrupt.
    aio::task<> refresh() { return registry_.refresh(); }
    // Returns the collection for record_feed.
    [[nodiscard]] replicated_collection& collection() noexcept { return registry_; }
    // Errors: unavailable, timed_out.
    aio::task<> add(std::string id);
    // Deletes the ids without valid access tokens. Errors: unavailable.
    aio::task<> purge();
    // Thread: any.
    [[nodiscard]] bool contains(std::string_view id) const { return ids_.load()->contains(id); }

  private:
    using id_set = std::set<std::string, std::less<>>;
    void publish();

    const base::clock& clock_;
    document_registry<ended_session> registry_;
    base::atomic_shared_ptr<const id_set> ids_;
};

}  // namespace app
