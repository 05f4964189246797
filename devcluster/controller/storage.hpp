#pragma once
// The folders of members on disk: where they are, and how they go away. Folders are moved aside at
// once and deleted in the pool, so that a database of the same name can begin anew meanwhile.

#include <set>
#include <string>

#include "devcluster/controller/kubedb_objects.hpp"

namespace controller {

std::string folder_of(const host& with, const wanted_database& of);
std::string folder_of(const host& with, const wanted_database& of, int ordinal);
// Makes it, for the engines' user only. Failures: unavailable, denied.
base::outcome<void> make_folder(const host& with, const std::string& folder);
// Nothing is there any more when it comes back (or there was nothing). The bytes go later.
void discard_folder(const host& with, const std::string& folder);
// What an earlier run had moved aside and not yet deleted.
void empty_trash(const host& with);
// The names of the database's members that have a folder.
std::set<std::string> stored_members(const host& with, const wanted_database& of);
// The databases of an engine that have a folder: "namespace/name".
std::set<std::string> stored_databases(const host& with, std::string_view engine);

}  // namespace controller
