#include "main/command_store.hpp"

#include <cstdio>

#include "mongo/mongo_store.hpp"
#include "obs/log.hpp"
#include "sqlite/store.hpp"

base::outcome<std::unique_ptr<ports::document_archive>> open_command_store(
    const store_location& location, obs::registry& registry) {
    if (location.sqlite_path.empty()) {
        return mongo::open_store({.url = location.mongodb_url}, obs::null_log(), registry);
    }
    return sqlite::open_store({.path = location.sqlite_path}, obs::null_log(), registry);
}

void print_digest(const app::store_digest& digest) {
    for (const auto& [name, collection] : digest) {
        std::fprintf(stdout, "%-16s %8zu documents %12zu bytes  %016llx\n", name.c_str(),
                     collection.documents, collection.bytes,
                     static_cast<unsigned long long>(collection.digest));
    }
}
