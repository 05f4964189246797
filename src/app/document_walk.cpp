#include "app/document_walk.hpp"

#include "app/store_failure.hpp"

#include <utility>

namespace app {
namespace {

constexpr std::size_t document_page_limit = 1000;
constexpr std::size_t revision_page_limit = 10'000;

aio::task<> visit_each(document_visitor visit, std::vector<ports::document> documents) {
    for (const auto& document : documents) {
        auto visited = visit(document);
        if (!visited) co_return visited;
    }
    co_return base::ok();
}

}  // namespace

aio::task<> visit_pages(ports::document_store& store, std::string collection,
                        std::size_t page_limit, page_visitor visit) {
    std::string after;
    while (true) {
        auto page =
            co_await store.find({.collection = collection, .after = after, .limit = page_limit});
        if (!page) co_return pass_store(std::move(page), collection);
        after = page->next;
        auto visited = co_await visit(std::move(page->items));
        if (!visited || after.empty()) co_return visited;
    }
}

aio::task<> visit_documents(ports::document_store& store, std::string collection,
                            document_visitor visit) {
    return visit_pages(store, std::move(collection), document_page_limit,
                       [visit = std::move(visit)](std::vector<ports::document> documents) {
                           return visit_each(visit, std::move(documents));
                       });
}

std::vector<std::string> differing_ids(const std::map<std::string, ports::document_version>& known,
                                       const ports::revision_page& page, const std::string& after) {
    std::vector<std::string> result;
    auto entry = known.upper_bound(after);
    for (const auto& stored : page.items) {
        for (; entry != known.end() && entry->first < stored.id; ++entry) {
            result.push_back(entry->first);
        }
        const bool is_known = entry != known.end() && entry->first == stored.id;
        const ports::document_version version{.revision = stored.revision,
                                              .write_id = stored.write_id};
        if (!is_known || !may_be_same(entry->second, version)) result.push_back(stored.id);
        if (is_known) ++entry;
    }
    if (!page.next.empty()) return result;
    for (; entry != known.end(); ++entry) result.push_back(entry->first);
    return result;
}

aio::task<> visit_differing(ports::document_store& store, std::string collection,
                            std::map<std::string, ports::document_version> known,
                            id_visitor visit) {
    std::string after;
    while (true) {
        auto page = co_await store.revisions(collection, after, revision_page_limit);
        if (!page) co_return pass_store(std::move(page), "read revisions");
        for (auto& id : differing_ids(known, *page, after)) {
            auto visited = co_await visit(std::move(id));
            if (!visited) co_return visited;
        }
        if (page->next.empty()) co_return base::ok();
        after = page->next;
    }
}

}  // namespace app
