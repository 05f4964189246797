#pragma once
// The servers behind a connection string, as the driver finds them. For `dbaas doctor`.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/failure.hpp"
#include "base/secret.hpp"

namespace mongo {

enum class server_role : std::uint8_t {
    unreachable,
    standalone,
    router,   // mongos
    primary,  // of a replica set
    secondary,
    arbiter,
    other  // a member that starts or recovers
};

struct server_description {
    std::string address;  // "host:port"
    server_role role{};
};

// Connects to every server that the URL or a member of the replica set names. A hidden member is in
// no list. Blocks for twice the timeout at most. Errors: invalid (URL), unavailable (no server
// responded).
base::outcome<std::vector<server_description>> list_servers(const base::secret& url,
                                                            std::chrono::milliseconds timeout);

}  // namespace mongo
