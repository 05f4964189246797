#pragma once
// FNV-1a, a fast 64-bit hash that is the same in every process. Not cryptographic: it detects
// accidental differences, not those of an adversary. Pure.

#include <cstdint>
#include <string_view>

namespace base {

inline constexpr std::uint64_t fnv1a_seed = 14695981039346656037ULL;

// Returns the hash of the text. To hash several texts in a row, pass the hash of the previous one.
constexpr std::uint64_t fnv1a(std::string_view text, std::uint64_t hash = fnv1a_seed) noexcept {
    constexpr std::uint64_t prime = 1099511628211ULL;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * prime;
    return hash;
}

}  // namespace base
