#pragma once
// The schema of the database: the document that names its version, forward migrations, and the
// indexes of a collection. Several processes may run each function at the same time. Thread: any;
// the functions block.

#include <functional>
#include <span>
#include <string>

#include "mongo/driver.hpp"

namespace mongo {

// The collection of the schema document.
inline constexpr std::string_view schema_collection = "dbaas_schema";

// Upgrades the database by one version. Must be idempotent, because two processes may run it at the
// same time.
using migration = std::function<base::outcome<void>(driver&)>;

// The migrations of this program. The one with index n upgrades version n + 1.
std::span<const migration> all_migrations() noexcept;

// Creates the schema document in an empty database, or runs the missing migrations. Errors:
// unsupported (the version is newer than the program), corrupt (the schema document is not one of
// this program), unavailable.
base::outcome<void> upgrade_schema(driver& target, std::span<const migration> migrations);

// Returns false for the collections of the schema document and of the server.
[[nodiscard]] bool is_document_collection(std::string_view name) noexcept;

// Creates the indexes of the collection and checks their definitions. Errors: conflict (an index of
// the same name has another definition), unavailable.
base::outcome<void> prepare_collection(driver& target, const std::string& collection);

// Prepares each collection of documents in the database. Errors: as prepare_collection().
base::outcome<void> prepare_collections(driver& target);

}  // namespace mongo
