#pragma once
// The files of /docs inside the program. tools/embed_viewer.py writes them; there are none if the
// build has no package of the viewer (cmake/viewer.cmake). Inside api only.

#include <cstddef>
#include <span>
#include <string_view>

namespace api {

struct static_file {
    std::string_view name;  // "viewer.js"; the page is "index.html"
    std::string_view path;  // "viewer-0123456789ab.js": below /docs/, with a hash of the content
    std::string_view media;
    std::size_t bytes;                          // uncompressed
    std::span<const unsigned char> compressed;  // gzip
};

std::span<const static_file> embedded_files() noexcept;
std::string_view embedded_viewer() noexcept;  // "Swagger UI 5.33.1"; "" if there is none

}  // namespace api
