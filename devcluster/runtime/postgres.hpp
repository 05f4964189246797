#pragma once
// PostgreSQL as a process: programs, preparation, arguments, readiness. A row of the table of
// engines.

#include <string_view>

#include "devcluster/runtime/engine.hpp"

namespace runtime {

engine postgres_engine();
// True if the end of a server's log reports that the primary has removed required WAL.
bool log_reports_cut_off(std::string_view log);

}  // namespace runtime
