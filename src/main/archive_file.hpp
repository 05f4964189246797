#pragma once
// The file of 'dbaas admin export': compressed, optionally encrypted, written atomically with mode
// 0600. Reads and writes files, nothing else.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/failure.hpp"
#include "base/secret.hpp"

// Returns the passphrase in a file, without the line end. Errors: invalid (unreadable or empty).
base::outcome<base::secret> read_passphrase(const std::string& path);

// Returns `target`, or the path of a new file in it if it ends with '/': "dbaas-TIME.export".
std::string archive_path(const std::string& target, base::instant now);

// Replaces the file with the compressed and, with a passphrase, encrypted text. After an error the
// previous file is unchanged. Errors: unavailable (cannot be written; the text names the cause).
base::outcome<void> write_archive(const std::string& path, std::string_view text,
                                  const std::optional<base::secret>& passphrase);
// Errors: not_found, invalid (encrypted, and no passphrase was given), denied (another passphrase,
// or the file was changed), corrupt.
base::outcome<std::string> load_archive(const std::string& path,
                                        const std::optional<base::secret>& passphrase);

// Deletes the oldest files of archive_path() in the folder, except for the newest `count`. Returns
// the number of deleted files. Errors: unavailable.
base::outcome<std::size_t> delete_old_archives(const std::string& folder, std::size_t count);
