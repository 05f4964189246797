#pragma once
// 'dbaas admin': work on the stores while no platform uses them.

#include <string>
#include <vector>

// Runs the subcommand and prints its result. Returns the exit status: 0, 1 (the work failed), 2
// (wrong arguments).
int admin(const std::vector<std::string>& arguments);
