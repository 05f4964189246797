// Bodies of requests: read, or refused as bad input; never as a fault of ours.

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
