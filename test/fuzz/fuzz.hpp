#pragma once
// Helpers of the fuzz targets. Each *_fuzz.cpp defines LLVMFuzzerTestOneInput (libFuzzer's entry)
// and aborts the program if an invariant does not hold.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

inline void require(bool holds) {
    if (!holds) std::abort();
}

}  // namespace fuzz
