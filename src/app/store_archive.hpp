#pragma once
// The content of a whole store as one text, which any store can be restored from: a line of JSON
// per document, and a last line with digests. The format is versioned. Owner: 'dbaas admin export'
// and 'import'. Thread: the caller's loop.

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "app/store_copy.hpp"
#include "base/clock.hpp"

namespace app {

struct store_archive {
    std::string program;  // the version of the program that wrote it
    base::instant created_at{};
    std::map<std::string, std::vector<ports::document>> collections{};
    store_digest digest{};
};

// Reads every collection except for cached metrics and, unless `has_history`, the history of
// metrics. The platform may run: each document is read whole, and a document that is written during
// the call is in the archive before or after that write. Errors: conflict (the store is
// incomplete), those of the store.
aio::task<store_archive> read_archive(ports::document_archive& source, bool has_history);

std::string encode(const store_archive& archive);
// Errors: corrupt (not what encode() writes, truncated, or another digest), unsupported (a newer
// version of the format).
base::outcome<store_archive> decode_archive(std::string_view text);

// Writes every document into an empty store and compares the digests. Calls `report` after each
// collection. An import that does not end leaves a mark (store_restoration.hpp). Errors: conflict
// (the target holds documents), unavailable (the target differs after the import), those of the
// store.
aio::task<store_digest> restore_archive(store_archive archive, ports::document_archive& target,
                                        std::function<void(const std::string& collection)> report);

}  // namespace app
