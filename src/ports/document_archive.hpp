#pragma once
// A document store as a whole, for the copy to another store: the names of its collections, and
// writes that keep revisions. Both adapters of ports::document_store implement it. Fake:
// fakes::memory_document_store. Contract suite: test/support/document_archive_contract.hpp. Thread:
// any; each function returns on the caller's loop.

#include "ports/document_store.hpp"

namespace ports {

class document_archive : public document_store {
  public:
    // Returns the names of the collections that hold documents, ascending. Errors: unavailable.
    virtual aio::task<std::vector<std::string>> collections() = 0;

    // Writes documents that do not exist yet, with the revisions that they have. Not atomic: after
    // an error, some of the documents may be written. Errors: conflict (a document exists, also
    // /not_unique: another document has the unique value), limit (id or body too large), invalid (a
    // revision below 1), unavailable.
    virtual aio::task<void> restore(std::string collection, std::vector<document> documents) = 0;
};

}  // namespace ports
