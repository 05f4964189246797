#pragma once
// Walks over the collections of the document store, page by page. The store and what the visitors
// refer to must outlive the walk.

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "aio/task.hpp"
#include "ports/document_store.hpp"

namespace app {

using page_visitor = std::function<aio::task<>(std::vector<ports::document>)>;
using document_visitor = std::function<base::outcome<void>(const ports::document&)>;
using id_visitor = std::function<aio::task<>(std::string id)>;

// Passes the documents of the collection to `visit`, `page_limit` at a time, in id order. Ends with
// the first error of `visit`. Errors: unavailable, with the collection as context.
aio::task<> visit_pages(ports::document_store& store, std::string collection,
                        std::size_t page_limit, page_visitor visit);
// The same, one document at a time.
aio::task<> visit_documents(ports::document_store& store, std::string collection,
                            document_visitor visit);

// Returns the ids that must be read again, in id order: ids of `page` that `known` lacks or holds
// with another version, and ids of `known` that belong into the page and are missing there. `page`
// starts after the id `after`. Pure.
std::vector<std::string> differing_ids(const std::map<std::string, ports::document_version>& known,
                                       const ports::revision_page& page, const std::string& after);
// Compares the versions of the collection with `known` and passes the ids that differ to `visit`.
// Ends with the first error of `visit`. Errors: unavailable.
aio::task<> visit_differing(ports::document_store& store, std::string collection,
                            std::map<std::string, ports::document_version> known, id_visitor visit);

}  // namespace app
