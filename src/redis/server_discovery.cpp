// How redis_client finds the servers: the kind of the servers, the master of a Sentinel, the slots
// of a Cluster.

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/clock.hpp"
#include "redis/redis_client.hpp"
#include "redis/server_error.hpp"

namespace redis {
namespace {

using base::errc;
using base::fail;

base::steady_time now() {
    return base::system_clock().now();
}

// Returns the failure of an error response, or the response.
base::outcome<resp_value> checked(base::outcome<resp_value> response, const endpoint& source) {
    if (!response || !response->is_error()) return response;
    return std::unexpected(to_failure(response->text, read_server_error(response->text, source)));
}

// Reads the response of SENTINEL get-master-addr-by-name.
std::optional<endpoint> read_address(const resp_value& response) {
    if (response.items.size() != 2) return std::nullopt;
    endpoint master{.host = response.items[0].text};
    const auto& digits = response.items[1].text;
    const auto* end = digits.data() + digits.size();
    const auto result = std::from_chars(digits.data(), end, master.port);
    if (result.ec != std::errc() || result.ptr != end || master.port == 0) return std::nullopt;
    return master;
}

}  // namespace

// Connected servers first, so that a server that does not respond delays nothing.
std::vector<endpoint> redis_client::candidates() const {
    std::vector<endpoint> servers;
    const auto add = [&servers](const endpoint& server) {
        if (std::ranges::find(servers, server) == servers.end()) servers.push_back(server);
    };
    if (topology_ && topology_->kind == server_kind::cluster) {
        // Another node each time, because the view of one node may be stale.
        const auto& masters = topology_->slots.masters();
        for (std::size_t index = 0; index < masters.size(); ++index) {
            add(masters[(index + discoveries_) % masters.size()]);
        }
    } else if (topology_) {
        add(topology_->single);
    }
    for (const auto& server : options_.url.servers) add(server);
    // Stable, because the order of the URL is the wish of the user.
    std::vector<endpoint> ordered;
    for (const bool is_up : {true, false}) {
        for (const auto& server : servers) {
            if (is_node_connected(server) == is_up) ordered.push_back(server);
        }
    }
    return ordered;
}

aio::task<topology> redis_client::discover() {
    if (!options_.url.sentinel_master.empty()) {
        const auto master = co_await ask_sentinels();
        if (!master) co_return base::pass(master);
        co_return co_await discover_at(*master);
    }
    ++discoveries_;
    base::outcome<topology> result = fail(errc::unavailable, "no server");
    for (const auto& server : candidates()) {
        auto discovered = co_await discover_at(server);
        const bool is_final = discovered || discovered.error().code == errc::cancelled;
        // The first failure is about the server that was in use.
        if (is_final || result.error().text == "no server") result = std::move(discovered);
        if (is_final) break;
    }
    co_return result;
}

aio::task<topology> redis_client::discover_at(endpoint server) {
    const auto deadline = now() + options_.connect_timeout;
    const auto node = node_of(server);
    const auto connection = co_await node->connected(deadline);
    if (!connection) co_return base::pass(connection);
    const auto facts = (*connection)->facts();
    topology discovered{.kind = facts.kind, .single = server};
    redis_connection::call_state state;
    if (facts.kind == server_kind::sentinel) {
        co_return fail(errc::invalid,
                       to_text(server) + " is a Sentinel: use redis+sentinel://host/master");
    }
    if (facts.kind == server_kind::standalone) {
        const auto role = co_await (*connection)->call({"ROLE"}, false, deadline, state);
        if (!role) co_return base::pass(role);
        const bool is_known = role->kind == resp_kind::array && !role->items.empty();
        const bool is_replica = is_known ? role->items.front().text != "master" : facts.is_replica;
        if (is_replica) {
            co_return fail(errc::unavailable, to_text(server) + " is a replica, not the master");
        }
        co_return discovered;
    }
    if (facts.kind == server_kind::proxy) co_return discovered;

    discovered.has_sharded_channels = facts.version_major >= 7;
    auto response = co_await (*connection)->call({"CLUSTER", "SLOTS"}, false, deadline, state);
    if (!response) co_return base::pass(std::move(response));
    const bool is_unknown =
        response->is_error() &&
        read_server_error(response->text, server).kind == error_kind::unknown_command;
    if (is_unknown) {
        response = co_await (*connection)->call({"CLUSTER", "SHARDS"}, false, deadline, state);
    }
    response = checked(std::move(response), server);
    if (!response) co_return base::pass(std::move(response), to_text(server));
    auto slots = is_unknown ? read_shards(*response, server, tls_ != nullptr)
                            : read_slots(*response, server);
    if (!slots) co_return base::pass(std::move(slots), to_text(server));
    if (slots->covered() == 0) {
        co_return fail(errc::unavailable, to_text(server) + " knows no master of the cluster");
    }
    discovered.slots = std::move(*slots);
    co_return discovered;
}

aio::task<endpoint> redis_client::ask_sentinels() {
    base::outcome<endpoint> result = fail(errc::unavailable, "no Sentinel");
    for (auto& sentinel : options_.url.servers) {
        result = co_await ask_sentinel(sentinel);
        if (result) {
            // The Sentinel that responded is asked first the next time.
            std::swap(sentinel, options_.url.servers.front());
            break;
        }
        if (result.error().code == errc::cancelled) break;
    }
    co_return result;
}

aio::task<endpoint> redis_client::ask_sentinel(endpoint sentinel) {
    auto options = options_of(sentinel);
    options.handshake = {.user = options_.url.sentinel_user,
                         .password = options_.url.sentinel_password};
    const auto opened = co_await redis_connection::open(std::move(options));
    if (!opened) co_return base::pass(opened, "Sentinel");
    const auto& connection = *opened;
    aio::task_group running(deps_.executor);
    running.spawn(connection->run());
    redis_connection::call_state state;
    auto response = co_await connection->call(
        {"SENTINEL", "get-master-addr-by-name", options_.url.sentinel_master}, false,
        now() + options_.connect_timeout, state);
    connection->close({errc::cancelled, "complete"});
    co_await running.join();
    response = checked(std::move(response), sentinel);
    if (!response) co_return base::pass(std::move(response), "Sentinel " + to_text(sentinel));
    if (response->is_null()) {
        co_return fail(errc::invalid, fmt::format("Sentinel {} does not know the master {}",
                                                  to_text(sentinel), options_.url.sentinel_master));
    }
    auto master = read_address(*response);
    if (!master) {
        co_return fail(errc::corrupt, "Sentinel " + to_text(sentinel) + " returned no address");
    }
    co_return std::move(*master);
}

}  // namespace redis
