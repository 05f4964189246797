#include "http/gzip.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <limits>

namespace http {
namespace {

constexpr uInt chunk_bytes = 64 * 1024;
constexpr int gzip_window = 15 + 16;  // zlib: the largest window with a gzip wrapper

Bytef* bytes_of(std::string_view text) noexcept {
    // zlib declares its input without const and does not change it.
    return reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));  // NOLINT(*-const-cast)
}

uInt clamp_to_uint(std::size_t size) noexcept {
    return static_cast<uInt>(std::min<std::size_t>(size, std::numeric_limits<uInt>::max()));
}

}  // namespace

std::string gzip(std::string_view bytes, int level) {
    z_stream state{};
    if (deflateInit2(&state, level, Z_DEFLATED, gzip_window, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        return {};
    }
    std::string compressed(deflateBound(&state, static_cast<uLong>(bytes.size())), '\0');
    state.next_in = bytes_of(bytes);
    state.avail_in = clamp_to_uint(bytes.size());
    state.next_out = bytes_of(compressed);
    state.avail_out = clamp_to_uint(compressed.size());
    const int status = deflate(&state, Z_FINISH);
    compressed.resize(status == Z_STREAM_END ? state.total_out : 0);
    deflateEnd(&state);
    return compressed;
}

struct gzip_stream::state {
    z_stream stream{};
    std::string compressed{};

    void write(std::string_view bytes, int flush) {
        stream.next_in = bytes_of(bytes);
        stream.avail_in = clamp_to_uint(bytes.size());
        do {
            const auto size = compressed.size();
            compressed.resize(size + chunk_bytes);
            stream.next_out = bytes_of(std::string_view(compressed).substr(size));
            stream.avail_out = chunk_bytes;
            deflate(&stream, flush);
            compressed.resize(compressed.size() - stream.avail_out);
        } while (stream.avail_out == 0);
    }
};

gzip_stream::gzip_stream(int level) : state_(std::make_unique<state>()) {
    deflateInit2(&state_->stream, level, Z_DEFLATED, gzip_window, 8, Z_DEFAULT_STRATEGY);
}

gzip_stream::~gzip_stream() {
    deflateEnd(&state_->stream);
}

void gzip_stream::append(std::string_view bytes) {
    if (!bytes.empty()) state_->write(bytes, Z_NO_FLUSH);
}

std::string gzip_stream::finish() {
    state_->write({}, Z_FINISH);
    return std::move(state_->compressed);
}

base::outcome<std::string> gunzip(std::string_view compressed, std::size_t bytes_max) {
    z_stream state{};
    if (inflateInit2(&state, gzip_window) != Z_OK) {
        return base::fail(base::errc::internal, "cannot initialise zlib");
    }
    state.next_in = bytes_of(compressed);
    state.avail_in = clamp_to_uint(compressed.size());
    std::string bytes;
    int status = Z_OK;
    while (status == Z_OK && bytes.size() <= bytes_max) {
        const auto before = bytes.size();
        bytes.resize(before + std::clamp<std::size_t>(compressed.size() * 4, 4096, 1 << 20));
        state.next_out = bytes_of(std::string_view(bytes).substr(before));
        state.avail_out = clamp_to_uint(bytes.size() - before);
        status = inflate(&state, Z_NO_FLUSH);
        bytes.resize(bytes.size() - state.avail_out);
        // A body can consist of several members (RFC 1952, 2.2).
        if (status == Z_STREAM_END && state.avail_in > 0) status = inflateReset(&state);
    }
    inflateEnd(&state);
    if (bytes.size() > bytes_max) {
        return base::fail(base::errc::limit,
                          fmt::format("the decompressed body is larger than {} bytes", bytes_max));
    }
    if (status != Z_STREAM_END)
        return base::fail(base::errc::corrupt, "the body is not valid gzip");
    return bytes;
}

}  // namespace http
