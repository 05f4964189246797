#pragma once
// A source whose work runs on another loop, so that the control loop neither waits for pages nor
// parses them. Lives on the control loop, owned by main.

#include <memory>

#include "aio/aio.hpp"
#include "ports/metrics_source.hpp"

namespace scrape {

// Calls `source` on `loop`. `source` lives there, and outlives the returned object and the loop's
// last call. A cancelled scrape cancels that of `source` and waits for its end.
std::unique_ptr<ports::metrics_source> make_source_on_loop(aio::executor loop,
                                                           ports::metrics_source& source);

}  // namespace scrape
