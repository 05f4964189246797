#pragma once
// Error responses of Redis: their meaning for a client and their failure. Pure.

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/failure.hpp"
#include "redis/redis_url.hpp"

namespace redis {

enum class error_kind : std::uint8_t {
    moved,         // another node serves the slot
    ask,           // another node serves this key during a migration
    try_again,     // the keys of the command are on two nodes during a migration
    cluster_down,  // the slot has no master at the moment
    loading,       // the server reads its data
    read_only,     // the server is a replica
    master_down,   // the replica has lost its master
    no_replicas,   // too few replicas for a write
    denied,        // wrong or missing credentials or permissions
    unknown_command,
    out_of_memory,
    no_script,   // EVALSHA names a script that the server does not have
    wrong_type,  // the key holds a value of another type
    other,
};

struct server_error {
    error_kind kind = error_kind::other;
    std::optional<endpoint> target{};  // of moved and ask
};

// `text` is the line of the error without its '-'. `source` is the server that sent it; its host
// replaces an empty host. A MOVED or ASK that does not parse has the kind other.
server_error read_server_error(std::string_view text, const endpoint& source);

// Returns the failure for a caller: denied, unsupported (unknown_command), corrupt (wrong_type),
// not_found (no_script), else unavailable. The text leaves out the arguments that the server
// repeats.
base::failure to_failure(std::string_view text, const server_error& error);

// The cause of a failure that needs a decision of the caller.
enum class failure_cause : std::uint8_t {
    not_sent,           // no server has received the command
    unconfirmed_write,  // the connection was lost before the response; the effect is unknown
    rejected,           // a server rejected the command without running it
};
std::string_view name(failure_cause cause) noexcept;

}  // namespace redis
