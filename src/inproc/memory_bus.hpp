#pragma once
// ports::bus in one process. Calls the subscribers on the loop of `executor`. Thread: publish()
// any, subscribe() the loop.

#include <memory>

#include "aio/aio.hpp"
#include "ports/bus.hpp"

namespace inproc {

std::unique_ptr<ports::bus> make_bus(aio::executor executor);

}  // namespace inproc
