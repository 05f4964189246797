#pragma once
// Reads of the store before a response, for what memory may not have yet because another replica
// wrote it: a record that a client has written, and what decides about a write. Lives on the
// control loop. Owned by the service.

#include <string>
#include <vector>

#include "app/identity/caller_reader.hpp"
#include "app/live_reads.hpp"
#include "app/replicated_collection.hpp"
#include "base/clock.hpp"

namespace app {

class store_reads {
  public:
    struct deps {
        ports::document_store& store;
        const base::clock& clock;
        replicated_collection& databases;
        replicated_collection& projects;
        identity_registries& registries;
        ended_sessions& ended;
        bool has_replicas = false;  // other processes write to the store
    };
    explicit store_reads(deps deps)
        : deps_(deps), callers_({.registries = deps.registries, .ended = deps.ended}) {}

    // live_reads::wait_for().
    aio::task<> wait_for(awaited_record record);
    // live_reads::read_for_write(). Without other replicas, memory has everything.
    aio::task<> read_for_write(shared_principal caller, written_object object);

  private:
    // Returns the documents of the object that memory does not have.
    [[nodiscard]] std::vector<caller_reader::document_name> unknown_documents_of(
        const written_object& object) const;

    deps deps_;
    caller_reader callers_;
};

}  // namespace app
