#pragma once
// The copy of a whole store into an empty one: every collection, with the revisions of its
// documents. Both stores are read afterwards, and their digests are compared. No process may write
// to either store until the copy has ended. A copy that does not end leaves a mark
// (store_restoration.hpp). Thread: the caller's loop.

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "ports/document_archive.hpp"

namespace app {

struct collection_digest {
    std::size_t documents = 0;
    std::size_t bytes = 0;     // of the bodies
    std::uint64_t digest = 0;  // FNV-1a over ids, revisions, bodies and values, in the order of ids
    bool operator==(const collection_digest&) const = default;
};
using store_digest = std::map<std::string, collection_digest>;  // by the name of the collection

// Adds the next document of a collection, in the order of ids.
void add_document(collection_digest& out, const ports::document& document);

// Reads the whole store. Errors: those of the store.
aio::task<store_digest> read_digest(ports::document_archive& store);

// Copies `source` into `target` and returns the digest, which is the same for both. Calls `report`
// after each collection. Errors: conflict (the source is incomplete, or the target holds
// documents), unavailable (the digests differ, because a store was written during the copy), those
// of the stores.
aio::task<store_digest> copy_store(ports::document_archive& source, ports::document_archive& target,
                                   std::function<void(const std::string& collection)> report);

}  // namespace app
