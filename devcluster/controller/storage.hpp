#pragma once
// The folders of members on disk. A deleted folder is renamed immediately and erased in the pool,
// so that a new database of the same name can start before the bytes are erased.

#include <set>
#include <string>

#include "devcluster/controller/kubedb_objects.hpp"

namespace controller {

std::string folder_of(const operator_deps& deps, const wanted_database& wanted);
std::string folder_of(const operator_deps& deps, const wanted_database& wanted, int ordinal);
// Creates the folder, accessible to the engines' user only. Errors: unavailable, denied.
base::outcome<void> make_folder(const operator_deps& deps, const std::string& folder);
// Moves the folder to the trash, if it exists, and erases it later in the pool.
void discard_folder(const operator_deps& deps, const std::string& folder);
// Erases folders that an earlier process moved to the trash.
void delete_trash(const operator_deps& deps);
// The names of the members of a database that have a folder.
std::set<std::string> stored_members(const operator_deps& deps, const wanted_database& wanted);
// The databases of an engine that have a folder: "namespace/name".
std::set<std::string> stored_databases(const operator_deps& deps, std::string_view engine);

}  // namespace controller
