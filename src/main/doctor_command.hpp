#pragma once
// `dbaas doctor`: checks the surroundings of the platform with its own options: the store, the
// cluster, each permission, KubeDB's kinds and versions. It changes nothing. Exit codes: 0 no check
// failed, 1 a check failed, 2 wrong usage or options.

#include <string>
#include <vector>

#include "config/config.hpp"
#include "main/doctor_report.hpp"

namespace doctor {

// Returns the usage text.
const char* usage() noexcept;

// Runs all checks. Blocks; a check of an unreachable server takes up to 10 s.
std::vector<finding> examine(const config::options& options);

}  // namespace doctor
