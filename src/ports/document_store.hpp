#pragma once
// Documents under optimistic concurrency: what the platform needs of a database of its own.
// Adapters: sqlite (embedded), mongo (later), testing::memory_document_store (fake);
// test/support/document_store_contract.hpp is the suite that each must pass. Every function may be
// awaited on any loop; answers come back on the caller's loop.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aio/task.hpp"

namespace ports {

using revision = std::int64_t;  // 1 at creation, +1 per write; 0 = "does not exist"

struct document {
    std::string id;    // unique in its collection, <= 128 bytes
    std::string body;  // opaque to the store (the app writes JSON), <= 4 MiB
    // Searchable values, name -> value ("project" -> "shop"). A find goes over exactly one of them.
    std::map<std::string, std::string> index{};
    // Values that no two documents of a collection may share, name -> value ("name" ->
    // "shop/orders").
    std::map<std::string, std::string> unique{};
    ports::revision revision = 0;  // set by the store on reads
    bool operator==(const document&) const = default;
};

struct put_request {
    std::string collection;
    document content;
    ports::revision expected = 0;  // 0: must not exist yet; otherwise the revision that it replaces
};

struct delete_request {
    std::string collection;
    std::string id;
    ports::revision expected = 0;  // 0: whatever revision is there
};

struct page_request {
    std::string collection;
    std::string index_name{};  // empty: all documents
    std::string index_value{};
    std::string
        after{};  // cursor: id of the last document of the page before; empty = from the start
    std::size_t limit = 500;  // 1..1000
};

struct page {
    std::vector<document> items;  // ascending by id (bytewise)
    std::string next;             // cursor of the next page; empty = this was the last
};

class document_store {
  public:
    document_store() = default;
    document_store(const document_store&) = delete;
    document_store& operator=(const document_store&) = delete;
    virtual ~document_store() = default;

    // The new revision. Failures: precondition (another revision is there, or none, or one
    // already), conflict with reason "unique:<name>" (a unique value is taken), limit (id or body
    // too large), unavailable (/"queue_full": it was not begun; else it may have happened). Durable
    // when it answers.
    virtual aio::task<revision> put(put_request request) = 0;

    // One outcome per request, in order; each stands alone (not atomic over the bulk). Failure of
    // the whole: unavailable.
    virtual aio::task<std::vector<base::outcome<revision>>> put_bulk(
        std::vector<put_request> requests) = 0;

    // Failures: not_found, unavailable.
    virtual aio::task<document> get(std::string collection, std::string id) = 0;

    // Failures: unavailable.
    virtual aio::task<page> find(page_request request) = 0;

    // Success also when the document is not there and `expected` is 0. Failures: precondition,
    // unavailable.
    virtual aio::task<void> remove(delete_request request) = 0;

    // Cheap liveness: what the adapter last saw, without I/O. While it is not connected it looks
    // again by itself: nobody needs to call for it to recover. Any thread.
    [[nodiscard]] virtual bool is_connected() const noexcept = 0;

    // Finishes accepted writes and closes. Called once; calls after it answer unavailable.
    virtual aio::task<void> close() = 0;
};

}  // namespace ports
