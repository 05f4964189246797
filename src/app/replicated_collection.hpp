#pragma once
// A collection of the store that every replica holds in memory. record_feed keeps it equal to the
// store while other replicas write. Implementations: record_collection and document_registry.
// Thread: the control loop.

#include <functional>
#include <map>
#include <string>

#include "aio/task.hpp"
#include "ports/document_store.hpp"

namespace app {

class replicated_collection {
  public:
    // Called after each write of this process. Revision 0: the document was deleted.
    using write_observer = std::function<void(const std::string& id, ports::revision revision)>;

    replicated_collection() = default;
    replicated_collection(const replicated_collection&) = delete;
    replicated_collection& operator=(const replicated_collection&) = delete;
    virtual ~replicated_collection() = default;

    // Returns the name of the collection in the store and in the messages of the feed.
    [[nodiscard]] virtual const std::string& collection() const noexcept = 0;
    // Returns the version of each document in memory.
    [[nodiscard]] virtual std::map<std::string, ports::document_version> known_versions() const = 0;
    // Returns the version in memory; revision 0 if there is none.
    [[nodiscard]] virtual ports::document_version known_version(const std::string& id) const = 0;
    // Reads the document from the store and makes memory equal to it. Waits for writes of this
    // process to the document. Errors: unavailable, corrupt, cancelled.
    virtual aio::task<> adopt(std::string id) = 0;
    // Replaces the observer.
    virtual void on_write(write_observer observer) = 0;
};

}  // namespace app
