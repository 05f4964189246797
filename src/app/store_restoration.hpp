#pragma once
// The mark of a store that a copy or an import fills. The mark is a document, written before the
// first record and deleted after the last comparison, so a store that still holds it is incomplete:
// the command ended early. No platform starts with such a store. Thread: the caller's loop.

#include <string_view>

#include "ports/document_archive.hpp"

namespace app {

// The collection of the mark. It is no part of the content of a store.
inline constexpr std::string_view restoration_collection = "restoration";

// Writes the mark into an empty store. Errors: conflict (the store holds documents), unavailable.
aio::task<> begin_restoration(ports::document_archive& target);

// Deletes the mark. Errors: unavailable.
aio::task<> end_restoration(ports::document_archive& target);

// Checks that the store has no mark. Errors: conflict (the store is incomplete), unavailable.
aio::task<> check_complete(ports::document_store& store);

}  // namespace app
