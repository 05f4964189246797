#pragma once
// Runs the platform until SIGTERM or SIGINT; SIGHUP reloads files. Returns the exit status of the
// process.

#include "config/config.hpp"

int serve(const config::loaded& loaded);
