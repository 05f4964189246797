#pragma once
// Memcached as a process, with a built-in exporter, because Debian has no package of one. The
// metric names are those of the public memcached_exporter.

#include <string>
#include <string_view>

#include "devcluster/runtime/engine.hpp"

namespace runtime {

engine memcached_engine();

// Converts the response to "stats" to an exposition page (text 0.0.4). If it is empty, the server
// did not respond.
// Pure.
std::string memcached_page(std::string_view response);

}  // namespace runtime
