#pragma once
// `dbaas admin images`: the images that a cluster needs, from KubeDB's catalogue in the cluster.

#include <map>
#include <string>
#include <vector>

// Runs the command and prints the list. Returns the exit status: 0, 1 (the cluster was not read), 2
// (wrong arguments).
int admin_images(const std::vector<std::string>& arguments,
                 const std::map<std::string, std::string>& environment);
