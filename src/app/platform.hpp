#pragma once
// The platform as the api module uses it: one interface per consumer. All functions live on the
// control loop; the api module enters it with aio::run_on. The platform publishes its state to
// observers as immutable views. Reads therefore do not enter this loop.

#include "app/commands.hpp"
#include "app/idempotency_keys.hpp"
#include "app/key_commands.hpp"
#include "app/live_reads.hpp"
#include "app/member_commands.hpp"
#include "app/state_observers.hpp"

namespace app {

// References into one service, which outlives every copy.
struct platform {
    database_commands& databases;
    project_commands& projects;
    live_reads& reads;
    idempotency_keys& keys;
    key_commands& api_keys;
    member_commands& members;
    state_publisher& state;
};

}  // namespace app
