#pragma once
// The checks of `dbaas doctor` that need the options and the container alone. Pure.

#include <optional>
#include <string>

#include "config/config.hpp"
#include "main/doctor_report.hpp"

namespace doctor {

// Log collectors read JSON.
finding examine_logs(const config::options& options, bool is_terminal);
// Other users of the machine and crash reports see the environment of a process, but not its files.
finding examine_secrets(const config::options& options);
// The contents of memory.max and cpu.max of the control group; nullopt: there is no such file.
finding examine_limits(const std::optional<std::string>& memory_max,
                       const std::optional<std::string>& cpu_max);

}  // namespace doctor
