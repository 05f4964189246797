// Requests: neither the result of parsing nor a rejection depends on the pieces of the input.

#include <string>

#include "http/request_parser.hpp"
#include "test/fuzz/fuzz.hpp"

namespace {

using state = http::request_parser::state;

// Returns all parsed requests in one text.
std::string outcome(std::string_view bytes, std::size_t piece) {
    http::request_parser parser({.header_bytes_max = 2048,
                                 .target_bytes_max = 512,
                                 .headers_max = 20,
                                 .body_bytes_max = 2048});
    std::string all;
    while (!bytes.empty() && parser.now() != state::rejected) {
        const auto part = bytes.substr(0, piece);
        const auto used = parser.feed(part);
        fuzz::require(used <= part.size());
        bytes.remove_prefix(used);
        if (parser.now() == state::complete) {
            const bool stays = parser.keeps_alive();
            auto request = parser.take();
            all += std::string(http::name(request.verb)) + ' ' + request.target + '\n' +
                   request.body + '\n';
            all += request.headers.get("Host");
            all += stays ? "\nstays\n" : "\ngoes\n";
            if (!stays) return all;
        } else {
            fuzz::require(used > 0 || parser.now() == state::rejected);
        }
    }
    // The parser reports the first of several errors, and which one is first depends on the pieces.
    if (parser.now() == state::rejected) {
        fuzz::require(parser.status() >= 400 && !parser.detail().empty());
        all += "rejected";
    }
    return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1) return 0;
    const auto bytes = fuzz::text_of(data + 1, size - 1);
    const auto whole = outcome(bytes, bytes.size());
    fuzz::require(outcome(bytes, 1) == whole);
    fuzz::require(outcome(bytes, 1 + data[0] % 31) == whole);
    return 0;
}
