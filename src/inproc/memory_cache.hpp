#pragma once
// ports::cache in this process: bounded by bytes, least recently used entries go first, entries
// expire by the clock. Any thread; nothing in it outlives the process.

#include <cstddef>
#include <memory>

#include "base/clock.hpp"
#include "ports/cache.hpp"

namespace inproc {

struct cache_options {
    std::size_t bytes_max = 64 * 1024 * 1024;  // keys and values
};

std::unique_ptr<ports::cache> make_cache(const base::clock& clock, cache_options how = {});

}  // namespace inproc
