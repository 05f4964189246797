#pragma once
// The store of an admin command, and what the commands print about it. Both block.

#include <memory>

#include "app/store_copy.hpp"
#include "base/failure.hpp"
#include "main/store_location.hpp"
#include "obs/metrics.hpp"
#include "ports/document_archive.hpp"

// Opens the store without a log. Creates a SQLite file that does not exist. Errors: those of
// sqlite::open_store() and mongo::open_store(). `registry` must outlive the store.
base::outcome<std::unique_ptr<ports::document_archive>> open_command_store(
    const store_location& location, obs::registry& registry);

// Prints a line per collection to stdout.
void print_digest(const app::store_digest& digest);
