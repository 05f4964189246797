#pragma once
// The platform's own storage: documents under optimistic concurrency. Adapters: sqlite
// (embedded) and mongo. Fake: fakes::memory_document_store. Contract suite:
// test/support/document_store_contract.hpp. Thread: any; each function returns on the caller's
// loop.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aio/task.hpp"
#include "base/random_id.hpp"

namespace ports {

// Causes of failed calls of the store that change how a caller continues (base/cause.hpp).
enum class store_cause : std::uint8_t {
    not_unique,  // another document has the unique value
    queue_full,  // the call did not start
    not_started  // the store is not reachable; the call did not start
};

[[nodiscard]] constexpr std::string_view name(store_cause value) noexcept {
    switch (value) {
        case store_cause::not_unique:
            return "not_unique";
        case store_cause::queue_full:
            return "queue_full";
        case store_cause::not_started:
            return "not_started";
    }
    return "";
}

using revision = std::int64_t;  // 1 at creation, +1 per write; 0 = "does not exist"

struct document {
    std::string id;    // unique in its collection, <= 128 bytes
    std::string body;  // opaque to the store (the app writes JSON), <= 4 MiB
    // Searchable values, name -> value ("project" -> "shop"). A find uses exactly one of them.
    std::map<std::string, std::string> index{};
    // Values that are unique in the collection, name -> value ("name" -> "shop/orders").
    std::map<std::string, std::string> unique{};
    ports::revision revision = 0;  // set by the store on reads
    // Identifies the last write; set by the store on reads. Empty if the store does not keep it, as
    // a store of one process may do.
    std::string write_id{};
    bool operator==(const document&) const = default;
};

// Returns the id of a new write: 80 random bits.
[[nodiscard]] inline std::string new_write_id() {
    return base::random_id("", 16);
}

struct put_request {
    std::string collection;
    document content;
    ports::revision expected = 0;  // the current revision; 0 = must not exist yet
    // The id of the current document's last write. Empty = any. A store without ids ignores it.
    std::string expected_write_id{};
    // Identifies this write. Must be unique, <= 64 bytes. Empty = the store selects one.
    std::string write_id{};
};

struct delete_request {
    std::string collection;
    std::string id;
    ports::revision expected = 0;     // the current revision; 0 = any
    std::string expected_write_id{};  // as in put_request
};

struct page_request {
    std::string collection;
    std::string index_name{};  // empty: all documents
    std::string index_value{};
    std::string after{};      // cursor: the last id of the previous page; empty = from the start
    std::size_t limit = 500;  // 1..1000
};

struct page {
    std::vector<document> items;  // ascending by id (bytewise)
    std::string next;             // cursor of the next page; empty on the last page
};

// Revisions of a document that is deleted and created again start at 1 again; the id of the last
// write distinguishes equal ones.
struct document_version {
    ports::revision revision = 0;
    std::string write_id{};  // empty = not known
    bool operator==(const document_version&) const = default;
};

// Returns true unless the versions of one document are known to differ.
[[nodiscard]] inline bool may_be_same(const document_version& one, const document_version& other) {
    return one.revision == other.revision &&
           (one.write_id.empty() || other.write_id.empty() || one.write_id == other.write_id);
}

struct document_revision {
    std::string id;
    ports::revision revision = 0;
    std::string write_id{};  // as in document
    bool operator==(const document_revision&) const = default;
};

struct revision_page {
    std::vector<document_revision> items;  // ascending by id (bytewise)
    std::string next;                      // cursor of the next page; empty on the last page
};

class document_store {
  public:
    document_store() = default;
    document_store(const document_store&) = delete;
    document_store& operator=(const document_store&) = delete;
    virtual ~document_store() = default;

    // Writes the document durably and returns its new revision. Errors: precondition (the current
    // revision or write id differs from the expected one), conflict/not_unique (another document
    // has the unique value), limit (id or body too large), unavailable (/queue_full, /not_started:
    // the write did not start; other causes: the write may have happened).
    virtual aio::task<revision> put(put_request request) = 0;

    // Writes each document independently; the bulk is not atomic. Returns one outcome per request,
    // in order. Errors of the whole call: unavailable.
    virtual aio::task<std::vector<base::outcome<revision>>> put_bulk(
        std::vector<put_request> requests) = 0;

    // Errors: not_found, unavailable.
    virtual aio::task<document> get(std::string collection, std::string id) = 0;

    // Returns one page of documents. Errors: unavailable.
    virtual aio::task<page> find(page_request request) = 0;

    // Returns the ids and versions of the documents after the id `after`, without their bodies: up
    // to `limit` (1..10000) of them. A reader compares them with what it knows and fetches what
    // differs. A document that exists during the whole walk over the pages is returned exactly
    // once; one that is created or deleted during the walk may be missing. Errors: invalid (limit),
    // unavailable.
    virtual aio::task<revision_page> revisions(std::string collection, std::string after,
                                               std::size_t limit) = 0;

    // Deletes the document. Succeeds if it does not exist and `expected` is 0. Errors:
    // precondition, unavailable.
    virtual aio::task<void> remove(delete_request request) = 0;

    // Returns the last known state without I/O. A disconnected adapter checks the connection by
    // itself until it recovers; it needs no call. Thread: any.
    [[nodiscard]] virtual bool is_connected() const noexcept = 0;

    // Finishes the accepted writes and closes the store. Must be called once; later calls of any
    // function fail with unavailable.
    virtual aio::task<void> close() = 0;
};

}  // namespace ports
