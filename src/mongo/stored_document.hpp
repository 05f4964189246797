#pragma once
// The mapping of ports::document to BSON, and the filters that select stored documents:
//   {_id, rev, body, index: [{k, v}], unique: [{k, v}], write_id}
// Text of users is never a BSON key. A body that is UTF-8 is a string, any other one is binary. An
// empty `unique` is omitted, so that the sparse unique index has no entry for it. Pure.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ports/document_store.hpp"

namespace mongo {

// Checks the bounds of ids and bodies. Errors: limit (id or body too large), invalid (an id or a
// value is not UTF-8, which MongoDB cannot store as a string).
base::outcome<void> check_document(const ports::document& document);

// Returns the BSON document. `write_id` identifies the write, so that a later read can
// distinguish it from the write of another process. Precondition: check_document() succeeds.
std::string encode(const ports::document& document, ports::revision revision,
                   std::string_view write_id);

// Errors: corrupt (the bytes are not a document of this module).
base::outcome<ports::document> decode(std::string_view bytes);

// The fields of a stored document that identify its version.
struct stored_version {
    std::string id;
    ports::revision revision = 0;
    std::string write_id;
    bool operator==(const stored_version&) const = default;
};

// Errors: corrupt.
base::outcome<stored_version> decode_version(std::string_view bytes);

// Returns the number, or nullopt if the document has no such field or it is not a number.
std::optional<std::int64_t> read_number(std::string_view bytes, const char* key);

std::string filter_by_id(std::string_view id);
std::string filter_by_ids(const std::vector<std::string>& ids);
// `write_id` empty = any.
std::string filter_by_version(std::string_view id, ports::revision revision,
                              std::string_view write_id);
// Selects the documents after `after`, with the index value if `index_name` is not empty.
std::string filter_of_page(const ports::page_request& request);

// Returns the options of a find in the order of ids. `limit` 0 = no limit.
std::string options_of_find(std::size_t limit, std::chrono::milliseconds time_max);
// The same, with the fields of decode_version() only.
std::string options_of_version_find(std::size_t limit, std::chrono::milliseconds time_max);

}  // namespace mongo
