#include "base/read_file.hpp"

#include <array>
#include <fstream>

namespace base {

std::optional<std::string> read_file(const std::string& path) {
    constexpr std::size_t chunk_bytes = 16 * 1024;
    std::ifstream file(path, std::ios::binary);
    if (!file) return std::nullopt;
    std::string text;
    std::array<char, chunk_bytes> chunk{};
    while (file.read(chunk.data(), chunk.size()) || file.gcount() > 0) {
        text.append(chunk.data(), static_cast<std::size_t>(file.gcount()));
    }
    if (file.bad()) return std::nullopt;  // a directory can be opened, too
    return text;
}

}  // namespace base
