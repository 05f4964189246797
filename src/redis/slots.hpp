#pragma once
// The hash slots of Redis Cluster. Pure.

#include <cstdint>
#include <string_view>

namespace redis {

inline constexpr std::uint16_t slot_count = 16384;

// Returns the CRC16 of the bytes (CCITT, polynomial 0x1021, initial value 0: "XMODEM").
std::uint16_t crc16(std::string_view bytes) noexcept;
// Returns the slot of a key. Keys with the same non-empty text in their first braces have the same
// slot.
std::uint16_t slot_of(std::string_view key) noexcept;

}  // namespace redis
