// Query strings and cursors: an encoded cursor decodes to the same position; foreign ones are
// rejected.

#include "api/read_model/list_queries.hpp"
#include "test/fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = fuzz::text_of(data, size);
    if (size <= 500) {
        const auto back = api::decode_cursor(api::encode_cursor(text));
        fuzz::require(back && *back == text);
    }
    if (const auto position = api::decode_cursor(text)) {
        fuzz::require(position->size() * 2 == text.size());
    }
    const auto wanted = api::read_list_query(text);
    static const api::read_model none;
    if (wanted) (void)api::list_databases(none, *wanted, domain::visible_projects::all());
    (void)api::list_operations(*none.all(), {.cursor = std::string(text)},
                               domain::visible_projects::all());
    if (const auto items = http::parse_query(text)) fuzz::require(items->size() <= size + 1);
    return 0;
}
