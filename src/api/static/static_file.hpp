#pragma once
// What the build put into the program for /docs: written by tools/embed_viewer.py, or empty where
// the viewer's package was not there (cmake/viewer.cmake). Inside api only.

#include <cstddef>
#include <span>
#include <string_view>

namespace api {

struct static_file {
    std::string_view name;  // "viewer.js"; the page is "index.html"
    std::string_view path;  // "viewer-0123456789ab.js": below /docs/, named by its content
    std::string_view media;
    std::size_t bytes;                      // unpacked
    std::span<const unsigned char> packed;  // gzip
};

std::span<const static_file> embedded_files() noexcept;
std::string_view embedded_viewer() noexcept;  // "Swagger UI 5.33.1"; "" = none

}  // namespace api
