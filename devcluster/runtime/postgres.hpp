#pragma once
// PostgreSQL as a process: programs, preparation, arguments, readiness. Plain functions behind one
// row of the table of engines.

#include <string_view>

#include "devcluster/runtime/engine.hpp"

namespace runtime {

engine postgres_engine();
// For tests too: the end of a server's log says that the primary has removed what is missing.
bool says_cut_off(std::string_view log);

}  // namespace runtime
