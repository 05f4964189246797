#pragma once
// ports::bus over Redis: sharded channels on a Redis Cluster 7 and newer, else plain ones. Each
// channel with a subscriber has its own connection, which follows its server and is made again
// after it ends. The bus is not connected while the subscription of a channel is interrupted, even
// if the client is. Thread: the loop of the client, which must outlive the bus.

#include <memory>
#include <string>

#include "ports/bus.hpp"
#include "redis/redis_client.hpp"

namespace redis {

struct bus_options {
    std::string channel_prefix = "dbaas:";
};

std::unique_ptr<ports::bus> make_bus(redis_client& client, bus_options options = {});

}  // namespace redis
