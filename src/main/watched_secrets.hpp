#pragma once
// The secrets of the options that change while the platform runs and that no connection uses: the
// shared secret of access tokens, the DSN of Sentry, and the platform key.

#include "app/identity/signing_keys.hpp"
#include "config/config.hpp"
#include "main/secret_rotation.hpp"
#include "sentry/reporting_log.hpp"

// Adds the secrets whose files the options name. A changed platform key is reported as unusable,
// because it needs a restart with platform-key-previous. `reporter` may be null. The signing keys
// and the reporter must outlive the last check.
void watch_key_files(const config::options& options, app::signing_keys& signing,
                     sentry::reporting_log* reporter, secret_rotation& out);
