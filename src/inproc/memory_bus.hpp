#pragma once
// ports::bus for a platform of one process: messages go to the listeners of this process, on the
// loop of the bus. Any thread publishes; listeners are added and removed on the loop.

#include <memory>

#include "aio/aio.hpp"
#include "ports/bus.hpp"

namespace inproc {

std::unique_ptr<ports::bus> make_bus(aio::executor on);

}  // namespace inproc
