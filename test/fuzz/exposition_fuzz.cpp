// Exporter pages: the reader reads every page to its end or rejects it, and all results lie inside
// the page. With a table of names it skips the other lines.

#include "scrape/exposition.hpp"
#include "test/fuzz/fuzz.hpp"

namespace {

void read(std::string_view page, scrape::page_format format, const scrape::name_table* wanted) {
    scrape::page_reader reader;
    reader.open(page, format, wanted);
    scrape::sample each;
    std::size_t samples = 0;
    while (reader.next(each)) {
        ++samples;
        fuzz::require(!each.name.empty());
        fuzz::require(each.name.data() >= page.data() &&
                      each.name.data() + each.name.size() <= page.data() + page.size());
        for (const auto& label : each.labels) (void)scrape::unescaped(label.value);
    }
    (void)reader.finish();
    fuzz::require(samples <= page.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const scrape::name_table names({"a", "redis_up"});
    const auto page = fuzz::text_of(data, size);
    for (const auto format : {scrape::page_format::text, scrape::page_format::openmetrics}) {
        read(page, format, nullptr);
        read(page, format, &names);
    }
    return 0;
}
