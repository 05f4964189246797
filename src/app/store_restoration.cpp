#include "app/store_restoration.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace app {
namespace {

using base::errc;
constexpr const char* mark_id = "mark";

std::unexpected<base::failure> incomplete() {
    return base::fail(errc::conflict,
                      "the store is incomplete, because a copy or an import into it did not end; "
                      "empty it and repeat the copy or the import");
}

}  // namespace

aio::task<> begin_restoration(ports::document_archive& target) {
    const auto present = co_await target.collections();
    if (!present) co_return base::pass(present);
    if (std::ranges::find(*present, restoration_collection) != present->end()) {
        co_return incomplete();
    }
    if (!present->empty()) {
        co_return base::fail(errc::conflict,
                             fmt::format("the store holds documents, such as those of the "
                                         "collection '{}'; use an empty database or a new file",
                                         present->front()));
    }
    co_return co_await target.restore(std::string(restoration_collection),
                                      {{.id = mark_id, .body = "{}", .revision = 1}});
}

aio::task<> end_restoration(ports::document_archive& target) {
    co_return co_await target.remove(
        {.collection = std::string(restoration_collection), .id = mark_id});
}

aio::task<> check_complete(ports::document_store& store) {
    const auto mark = co_await store.get(std::string(restoration_collection), mark_id);
    if (mark) co_return incomplete();
    if (mark.error().code != errc::not_found) co_return base::pass(mark);
    co_return base::ok();
}

}  // namespace app
