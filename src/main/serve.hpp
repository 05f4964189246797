#pragma once
// Runs the platform until SIGTERM or SIGINT; SIGHUP reloads files and the options of `sources`.
// `loaded` is the result of config::load(sources). Returns the exit status of the process.

#include "config/config.hpp"

int serve(const config::sources& sources, const config::loaded& loaded);
