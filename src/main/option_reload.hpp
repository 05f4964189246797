#pragma once
// The options that can change while the platform runs. Thread: main.

#include <functional>

#include "config/config.hpp"
#include "obs/log.hpp"

// Reads the options again. Puts those into use that can change while the platform runs, and logs
// the others that differ from the start. Errors: invalid (nothing has changed then), those of
// `apply`.
base::outcome<void> reload_options(
    const config::sources& sources, const config::loaded& start, config::loaded& current,
    obs::log& log, const std::function<base::outcome<void>(const config::options&)>& apply);
