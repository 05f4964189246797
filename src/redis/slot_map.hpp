#pragma once
// The masters of the 16384 slots of a Redis Cluster, as one of its nodes reports them. Plain value.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/failure.hpp"
#include "redis/redis_url.hpp"
#include "redis/resp.hpp"
#include "redis/slots.hpp"

namespace redis {

class slot_map {
  public:
    slot_map() : owners_(slot_count, no_owner) {}

    // Returns the master of the slot, or nullptr if no master serves it.
    [[nodiscard]] const endpoint* master_of(std::uint16_t slot) const noexcept;
    // Sets the master of one slot, for example after MOVED. No-op if the map has 4,096 masters.
    void assign(std::uint16_t slot, const endpoint& master);
    [[nodiscard]] const std::vector<endpoint>& masters() const noexcept { return masters_; }
    [[nodiscard]] std::size_t covered() const noexcept;  // number of slots with a master

  private:
    static constexpr std::uint16_t no_owner = 0xffff;
    static constexpr std::size_t masters_max = 4096;
    std::vector<endpoint> masters_;
    std::vector<std::uint16_t> owners_;  // slot -> index into masters_
};

// Read the response of CLUSTER SLOTS or CLUSTER SHARDS. `source` is the node that sent it; its host
// replaces an empty host. Errors: corrupt (not the response of this command).
base::outcome<slot_map> read_slots(const resp_value& response, const endpoint& source);
base::outcome<slot_map> read_shards(const resp_value& response, const endpoint& source,
                                    bool is_secure);

}  // namespace redis
