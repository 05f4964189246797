#pragma once
// ports::document_store in one SQLite file: the embedded default. One writer thread that commits
// many puts together, reads on a thread of their own, WAL with synchronous=FULL: what was answered
// survives kill -9 and power loss. One process per file.

#include <chrono>
#include <memory>
#include <string>

#include "obs/log.hpp"
#include "obs/metrics.hpp"
#include "ports/document_store.hpp"

namespace sqlite {

struct store_options {
    std::string path;  // of the file; its folder must exist
    std::size_t queue_max = 10'000;
    // Puts that are committed together at most.
    std::size_t group_max = 256;
    // While the file is in trouble it is tried again so often.
    std::chrono::milliseconds probe_period{1000};
};

// Failures: unavailable (cannot be opened or written; the text names the file), conflict (another
// process has it open), unsupported (written by a newer version), corrupt (not a database).
base::outcome<std::unique_ptr<ports::document_store>> open_store(store_options how, obs::log& log,
                                                                 obs::registry& registry);

}  // namespace sqlite
