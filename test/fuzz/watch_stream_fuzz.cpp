// Watch streams: frames do not depend on the pieces, and every frame is an event or corrupt.

#include <string>
#include <vector>

#include "kube/decoder.hpp"
#include "kube/frame_buffer.hpp"
#include "test/fuzz/fuzz.hpp"

namespace {

std::vector<std::string> events(std::string_view bytes, std::size_t piece) {
    kube::frame_buffer frames(4096);
    kube::decoder decoder;
    std::vector<std::string> all;
    while (!bytes.empty()) {
        const auto part = bytes.substr(0, piece);
        bytes.remove_prefix(part.size());
        frames.add(part);
        while (const auto frame = frames.next()) {
            const auto event = decoder.read_event(*frame);
            all.push_back(event ? std::to_string(static_cast<int>(event->kind)) + event->meta.name +
                                      std::string(event->object)
                                : "corrupt");
        }
    }
    return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1) return 0;
    const auto bytes = fuzz::text_of(data + 1, size - 1);
    const auto whole = events(bytes, bytes.size() + 1);
    fuzz::require(events(bytes, 1 + data[0] % 31) == whole);
    kube::decoder decoder;
    (void)decoder.read_page(std::string(bytes), [](const auto&, std::string_view) {});
    return 0;
}
