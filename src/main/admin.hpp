#pragma once
// 'dbaas admin': work on the stores, without a running platform.

#include <map>
#include <string>
#include <vector>

// Runs the subcommand and prints its result. Returns the exit status: 0, 1 (the work failed), 2
// (wrong arguments).
int admin(const std::vector<std::string>& arguments,
          const std::map<std::string, std::string>& environment);
