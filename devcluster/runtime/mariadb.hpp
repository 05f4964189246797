#pragma once
// MariaDB as a process: programs, preparation, arguments, readiness. A row of the table of engines.

#include "devcluster/runtime/engine.hpp"

namespace runtime {

engine mariadb_engine();

}  // namespace runtime
