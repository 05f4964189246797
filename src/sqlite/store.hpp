#pragma once
// ports::document_store in one SQLite file: the embedded default. One thread writes and commits
// several puts together; another thread reads. WAL with synchronous=FULL: an acknowledged write
// survives kill -9 and a power failure. A lock file admits one process per store.

#include <chrono>
#include <memory>
#include <string>

#include "obs/log.hpp"
#include "obs/metrics.hpp"
#include "ports/document_archive.hpp"

namespace sqlite {

struct store_options {
    std::string path;  // of the file; its folder must exist
    std::size_t queue_max = 10'000;
    // Maximum of writes in one transaction.
    std::size_t group_max = 256;
    // Interval between checks of the file after a failure.
    std::chrono::milliseconds probe_period{1000};
};

// Opens or creates the file, locks it and migrates its schema. Errors: unavailable (the file cannot
// be opened or written), conflict/"locked" (another process uses the file), unsupported (the schema
// is newer than this program), corrupt (not a SQLite database).
base::outcome<std::unique_ptr<ports::document_archive>> open_store(store_options options,
                                                                   obs::log& log,
                                                                   obs::registry& registry);

}  // namespace sqlite
