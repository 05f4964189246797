#pragma once
// Writes small files that only their owner may read (mode 0600), and makes folders for them. Usable
// on every thread.

#include <optional>
#include <string>
#include <string_view>

#include "base/failure.hpp"

namespace base {

// Writes the file under another name and renames it, so that a reader finds the former content or
// the new one. Both the content and the name are durable at the return. Errors: unavailable (the
// file cannot be written; the former content remains).
outcome<void> replace_private_file(const std::string& path, std::string_view content);

// As replace_private_file(), for a file that does not exist. Errors: conflict (the file exists),
// unavailable (the file cannot be written).
outcome<void> create_private_file(const std::string& path, std::string_view content);

// Creates the folder and its missing parents, which only their owner may enter (mode 0700). Folders
// that exist keep their mode. An empty path is the working directory. Errors: unavailable (a folder
// cannot be created).
outcome<void> create_private_folder(const std::string& path);

// Returns the mode of the file, such as 0644, if other users than its owner have a permission on
// it. Returns nothing if they have none, and for a file that does not exist.
std::optional<unsigned> shared_mode_of(const std::string& path);

}  // namespace base
