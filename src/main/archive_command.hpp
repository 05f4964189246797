#pragma once
// 'dbaas admin export', 'import' and 'verify': the content of the store as a file.

#include <map>
#include <string>
#include <vector>

// `arguments` starts with the subcommand. `environment` has the options of the platform, which name
// the store unless --store does. Returns the exit status: 0, 1 (the work failed), 2 (wrong
// arguments).
int archive_command(const std::vector<std::string>& arguments,
                    const std::map<std::string, std::string>& environment);
