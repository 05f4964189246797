#pragma once
// The key that seals secrets in the store, from the options or from its file. Read or made once, at
// the start.

#include "app/identity/platform_key.hpp"
#include "base/failure.hpp"
#include "config/config.hpp"
#include "main/store_location.hpp"
#include "obs/log.hpp"

// Returns the sealer with the key of the options. If there is none, reads the file platform-key in
// data_dir, which only its owner may read, or makes it. Returns null if there is none and other
// replicas share the store, because they could not open what this one seals. Errors: invalid (the
// content is no key), unavailable (the file cannot be written).
base::outcome<app::shared_sealer> obtain_platform_key(const config::options& options,
                                                      obs::log& log);

// Returns the file of the platform key for a command: `path`, or that next to a store of SQLite.
// Empty if there is none.
std::string platform_key_path(const std::string& path, const store_location& location);

// Returns the sealer of the key in a file; null if `path` is empty. Errors: invalid.
base::outcome<app::shared_sealer> read_platform_key(const std::string& path);
