#pragma once
// Writes small files that only their owner may read (mode 0600). Usable on every thread.

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

}  // namespace base
