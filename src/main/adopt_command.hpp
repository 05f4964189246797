#pragma once
// 'dbaas admin adopt': records for the databases of a cluster whose records were lost.

#include <map>
#include <string>
#include <vector>

// `arguments` starts with "adopt". `environment` has the options of the platform. Returns the exit
// status: 0, 1 (the work failed, or objects contradict records), 2 (wrong arguments).
int adopt_command(std::vector<std::string> arguments,
                  const std::map<std::string, std::string>& environment);
