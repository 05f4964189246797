#pragma once
// Runs the platform until it is told to stop. Returns the process's exit status.

#include "config/config.hpp"

int serve(const config::loaded& how);
