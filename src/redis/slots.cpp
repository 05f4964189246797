#include "redis/slots.hpp"

#include <array>

namespace redis {
namespace {

constexpr std::array<std::uint16_t, 256> crc_table = [] {
    std::array<std::uint16_t, 256> table{};
    for (unsigned byte = 0; byte < table.size(); ++byte) {
        unsigned value = byte << 8U;
        for (int bit = 0; bit < 8; ++bit) {
            value = (value & 0x8000U) != 0 ? (value << 1U) ^ 0x1021U : value << 1U;
        }
        table[byte] = static_cast<std::uint16_t>(value);
    }
    return table;
}();

std::string_view hashed_part(std::string_view key) noexcept {
    const auto open = key.find('{');
    if (open == std::string_view::npos) return key;
    const auto close = key.find('}', open + 1);
    if (close == std::string_view::npos || close == open + 1) return key;
    return key.substr(open + 1, close - open - 1);
}

}  // namespace

std::uint16_t crc16(std::string_view bytes) noexcept {
    unsigned value = 0;
    for (const char c : bytes) {
        const auto index = ((value >> 8U) ^ static_cast<unsigned char>(c)) & 0xffU;
        value = ((value << 8U) ^ crc_table[index]) & 0xffffU;
    }
    return static_cast<std::uint16_t>(value);
}

std::uint16_t slot_of(std::string_view key) noexcept {
    return crc16(hashed_part(key)) % slot_count;
}

}  // namespace redis
