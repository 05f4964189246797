#pragma once
// Memcached as a process, with an exporter of our own: none is to be had as a package. The pages
// speak the names of the public memcached_exporter.

#include <string>
#include <string_view>

#include "devcluster/runtime/engine.hpp"

namespace runtime {

engine memcached_engine();

// The reply to "stats" as an exposition page (text 0.0.4); empty: the server did not answer. Pure.
std::string memcached_page(std::string_view stats);

}  // namespace runtime
