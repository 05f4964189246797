#include "redis/slot_map.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

namespace redis {
namespace {

using base::errc;
using base::fail;
using std::string_view;

std::unexpected<base::failure> corrupt(string_view problem) {
    return fail(errc::corrupt, std::string("the slots of the cluster: ") + std::string(problem));
}

std::optional<std::uint16_t> port_of(const resp_value* value) {
    if (value == nullptr || value->kind != resp_kind::integer || value->integer < 1 ||
        value->integer > 65535) {
        return std::nullopt;
    }
    return static_cast<std::uint16_t>(value->integer);
}

// A node that does not know its address reports an empty host, null or "?".
std::string host_of(const resp_value* value, const endpoint& source) {
    const bool is_known =
        value != nullptr && value->is_text() && !value->text.empty() && value->text != "?";
    return is_known ? value->text : source.host;
}

bool assign_range(const resp_value& first, const resp_value& last, const endpoint& master,
                  slot_map& map) {
    const bool is_range = first.kind == resp_kind::integer && last.kind == resp_kind::integer &&
                          first.integer >= 0 && first.integer <= last.integer &&
                          last.integer < slot_count;
    if (!is_range) return false;
    for (auto slot = first.integer; slot <= last.integer; ++slot) {
        map.assign(static_cast<std::uint16_t>(slot), master);
    }
    return true;
}

// Returns the master of a shard: an online one if several nodes have the role.
std::optional<endpoint> master_of_shard(const resp_value& nodes, const endpoint& source,
                                        bool is_secure) {
    std::optional<endpoint> master;
    for (const auto& node : nodes.items) {
        const auto* role = node.find("role");
        if (role == nullptr || role->text != "master") continue;
        const auto port = port_of(node.find(is_secure ? "tls-port" : "port"));
        if (!port) continue;
        const auto* health = node.find("health");
        const bool is_online = health != nullptr && health->text == "online";
        if (!master || is_online) {
            master = endpoint{.host = host_of(node.find("endpoint"), source), .port = *port};
        }
        if (is_online) break;
    }
    return master;
}

}  // namespace

const endpoint* slot_map::master_of(std::uint16_t slot) const noexcept {
    if (slot >= slot_count || owners_[slot] == no_owner) return nullptr;
    return &masters_[owners_[slot]];
}

void slot_map::assign(std::uint16_t slot, const endpoint& master) {
    if (slot >= slot_count) return;
    auto it = std::ranges::find(masters_, master);
    if (it == masters_.end()) {
        if (masters_.size() == masters_max) return;
        it = masters_.insert(it, master);
    }
    owners_[slot] = static_cast<std::uint16_t>(it - masters_.begin());
}

std::size_t slot_map::covered() const noexcept {
    return static_cast<std::size_t>(
        std::ranges::count_if(owners_, [](std::uint16_t owner) { return owner != no_owner; }));
}

base::outcome<slot_map> read_slots(const resp_value& response, const endpoint& source) {
    if (response.kind != resp_kind::array) return corrupt("the response is not an array");
    slot_map map;
    for (const auto& range : response.items) {
        // [first, last, [host, port, id, ...], replicas...]
        if (range.items.size() < 3) return corrupt("a range is incomplete");
        const auto& node = range.items[2];
        if (node.items.size() < 2) return corrupt("a node is incomplete");
        const auto port = port_of(&node.items[1]);
        if (!port) return corrupt("a port is invalid");
        const endpoint master{.host = host_of(node.items.data(), source), .port = *port};
        if (!assign_range(range.items[0], range.items[1], master, map)) {
            return corrupt("a range is invalid");
        }
    }
    return map;
}

base::outcome<slot_map> read_shards(const resp_value& response, const endpoint& source,
                                    bool is_secure) {
    if (response.kind != resp_kind::array) return corrupt("the response is not an array");
    slot_map map;
    for (const auto& shard : response.items) {
        const auto* slots = shard.find("slots");
        const auto* nodes = shard.find("nodes");
        if (slots == nullptr || nodes == nullptr || slots->items.size() % 2 != 0) {
            return corrupt("a shard is incomplete");
        }
        const auto master = master_of_shard(*nodes, source, is_secure);
        if (!master) continue;
        for (std::size_t index = 0; index < slots->items.size(); index += 2) {
            if (!assign_range(slots->items[index], slots->items[index + 1], *master, map)) {
                return corrupt("a range is invalid");
            }
        }
    }
    return map;
}

}  // namespace redis
