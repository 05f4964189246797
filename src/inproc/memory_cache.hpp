#pragma once
// ports::cache in one process. Bounded by bytes; evicts the least recently used entries first.
// Thread: any.

#include <cstddef>
#include <memory>

#include "base/clock.hpp"
#include "ports/cache.hpp"

namespace inproc {

struct cache_options {
    std::size_t bytes_max = 64 * 1024 * 1024;  // keys and values
};

std::unique_ptr<ports::cache> make_cache(const base::clock& clock, cache_options options = {});

}  // namespace inproc
