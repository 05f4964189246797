// Request bodies: the reader accepts each one or fails with `invalid`, never with another code.

#include "api/json/request_json.hpp"
#include "test/fuzz/fuzz.hpp"

namespace {

void check(const auto& read) {
    fuzz::require(read || read.error().code == base::errc::invalid);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto body = fuzz::text_of(data, size);
    check(api::read_create(body));
    check(api::read_patch(body));
    check(api::read_project(body));
    return 0;
}
