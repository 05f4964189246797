// Patches: a merge patch that is applied again changes nothing (RFC 7396); a JSON patch is applied
// or rejected, and its test of the present value succeeds.

#include "devcluster/apiserver/patch.hpp"
#include "json/json.hpp"
#include "test/fuzz/fuzz.hpp"

// Two documents, a line each: the target and the patch.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = fuzz::text_of(data, size);
    const auto line = bytes.find('\n');
    if (line == std::string_view::npos) return 0;
    boost::system::error_code error;
    const auto target = json::parse(bytes.substr(0, line), error);
    if (error) return 0;
    const auto patch = json::parse(bytes.substr(line + 1), error);
    if (error) return 0;
    auto once = target;
    apiserver::merge_patch(once, patch);
    auto twice = once;
    apiserver::merge_patch(twice, patch);
    fuzz::require(once == twice);
    auto strategic = target;
    apiserver::strategic_merge_patch(strategic, patch);
    auto changed = target;
    (void)apiserver::json_patch(changed, patch);
    auto same = target;
    const json::array test{json::object{{"op", "test"}, {"path", ""}, {"value", target}}};
    fuzz::require(apiserver::json_patch(same, test).has_value() && same == target);
    return 0;
}
