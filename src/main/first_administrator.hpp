#pragma once
// The first administrator: the user of BOOTSTRAP_ADMIN_PASSWORD and, with --auth required, the API
// key in admin-key-file.

#include "app/service.hpp"
#include "config/config.hpp"
#include "main/loop_thread.hpp"
#include "obs/log.hpp"

// Makes the key of a file a key of the administrator, with rows in the audit log if it is new.
// Errors: those of key_registry::admit_admin_key(); unavailable. Thread: the control loop.
aio::task<> admit_admin_key(app::service& service, base::secret text);

// Errors: invalid (the password, the file), unavailable (the store, the file system). Precondition:
// the service has loaded. Thread: main.
base::outcome<void> admit_first_administrator(const config::options& options, loop_thread& control,
                                              app::service& service, obs::log& log);
