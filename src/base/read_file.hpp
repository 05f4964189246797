#pragma once
// Reads small files. Usable on every thread.

#include <optional>
#include <string>

namespace base {

// Returns the content of the file. Returns nullopt if the file cannot be opened or read, for
// example because it is a directory.
std::optional<std::string> read_file(const std::string& path);

}  // namespace base
