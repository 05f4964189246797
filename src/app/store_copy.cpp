#include "app/store_copy.hpp"

#include <fmt/format.h>

#include "app/document_walk.hpp"
#include "app/store_restoration.hpp"
#include "base/fnv1a.hpp"

namespace app {
namespace {

using base::errc;
constexpr std::size_t page_limit = 200;

// The size in front of each text keeps ("ab", "c") and ("a", "bc") apart.
std::uint64_t add(std::uint64_t digest, std::string_view text) {
    return base::fnv1a(text, base::fnv1a(fmt::format("{}:", text.size()), digest));
}

aio::task<> digest_page(collection_digest& out, std::vector<ports::document> documents) {
    for (const auto& document : documents) add_document(out, document);
    co_return base::ok();
}

aio::task<> restore_page(ports::document_archive& target, std::string collection,
                         std::vector<ports::document> documents) {
    auto restored = co_await target.restore(collection, std::move(documents));
    if (!restored) co_return base::pass(std::move(restored), collection);
    co_return base::ok();
}

std::string first_difference(const store_digest& source, const store_digest& target) {
    for (const auto& [name, digest] : source) {
        const auto it = target.find(name);
        if (it == target.end() || it->second != digest) return name;
    }
    for (const auto& [name, digest] : target) {
        if (!source.contains(name)) return name;
    }
    return {};
}

}  // namespace

void add_document(collection_digest& out, const ports::document& document) {
    ++out.documents;
    out.bytes += document.body.size();
    auto digest = out.documents == 1 ? base::fnv1a_seed : out.digest;
    digest = add(digest, document.id);
    digest = add(digest, fmt::format("{}", document.revision));
    digest = add(digest, document.body);
    for (const auto* values : {&document.index, &document.unique}) {
        digest = add(digest, fmt::format("{}", values->size()));
        for (const auto& [name, value] : *values) digest = add(add(digest, name), value);
    }
    out.digest = digest;
}

aio::task<store_digest> read_digest(ports::document_archive& store) {
    const auto names = co_await store.collections();
    if (!names) co_return base::pass(names);
    store_digest result;
    for (const auto& name : *names) {
        if (name == restoration_collection) continue;
        auto& digest = result[name];
        const page_visitor use = [&digest](std::vector<ports::document> documents) {
            return digest_page(digest, std::move(documents));
        };
        auto walked = co_await visit_pages(store, name, page_limit, use);
        if (!walked) co_return base::pass(std::move(walked));
    }
    co_return result;
}

aio::task<store_digest> copy_store(ports::document_archive& source, ports::document_archive& target,
                                   std::function<void(const std::string& collection)> report) {
    auto complete = co_await check_complete(source);
    if (!complete) co_return base::pass(std::move(complete), "source");
    auto begun = co_await begin_restoration(target);
    if (!begun) co_return base::pass(std::move(begun), "target");
    const auto names = co_await source.collections();
    if (!names) co_return base::pass(names, "source");
    for (const auto& name : *names) {
        const page_visitor use = [&target, &name](std::vector<ports::document> documents) {
            return restore_page(target, name, std::move(documents));
        };
        auto copied = co_await visit_pages(source, name, page_limit, use);
        if (!copied) co_return base::pass(std::move(copied), "copy");
        report(name);
    }
    auto source_digest = co_await read_digest(source);
    if (!source_digest) co_return base::pass(std::move(source_digest), "source");
    const auto target_digest = co_await read_digest(target);
    if (!target_digest) co_return base::pass(target_digest, "target");
    const auto difference = first_difference(*source_digest, *target_digest);
    if (!difference.empty()) {
        co_return base::fail(errc::unavailable,
                             fmt::format("the collection '{}' differs after the copy; stop every "
                                         "platform that uses the stores, empty the target and copy "
                                         "again",
                                         difference));
    }
    auto ended = co_await end_restoration(target);
    if (!ended) co_return base::pass(std::move(ended), "target");
    co_return source_digest;
}

}  // namespace app
