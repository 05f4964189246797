#include "test/support/memory_document_store.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace fakes {

using base::errc;
using base::fail;

namespace {

constexpr std::size_t id_bytes_max = 128;
constexpr std::size_t body_bytes_max = std::size_t(4) << 20;
constexpr std::size_t page_items_max = 1000;
constexpr std::size_t revision_page_items_max = 10'000;

std::string unique_key(const std::string& collection, const std::string& name,
                       const std::string& value) {
    return fmt::format("{}\n{}\n{}", collection, name, value);
}

bool is_other_write(const ports::document& stored, const std::string& expected) {
    return !expected.empty() && stored.write_id != expected;
}

}  // namespace

base::outcome<void> memory_document_store::enter() {
    if (is_closed_) return fail(errc::unavailable, "the store is closed");
    if (calls_before_failures_ > 0) {
        --calls_before_failures_;
    } else if (failures_left_ > 0) {
        --failures_left_;
        return fail(errc::unavailable, "the store does not respond");
    }
    ++calls_;
    return {};
}

bool memory_document_store::leave() {
    if (!failures_after_lost_response_) return true;
    failures_left_ = *std::exchange(failures_after_lost_response_, std::nullopt);
    return false;
}

void memory_document_store::release_unique(const std::string& name,
                                           const ports::document& document) {
    for (const auto& [key, value] : document.unique) unique_.erase(unique_key(name, key, value));
}

base::outcome<ports::revision> memory_document_store::put_now(const ports::put_request& request) {
    const auto& wanted = request.content;
    if (wanted.id.empty() || wanted.id.size() > id_bytes_max) {
        return fail(errc::limit, fmt::format("id: must have 1 to {} bytes", id_bytes_max));
    }
    if (wanted.body.size() > body_bytes_max) {
        return fail(errc::limit, fmt::format("body: must have at most {} bytes", body_bytes_max));
    }
    auto& documents = collections_[request.collection];
    const auto it = documents.find(wanted.id);
    const auto present = it == documents.end() ? 0 : it->second.revision;
    if (present != request.expected) {
        return fail(errc::precondition, fmt::format("revision of {} is {}, not {}", wanted.id,
                                                    present, request.expected));
    }
    if (present != 0 && is_other_write(it->second, request.expected_write_id)) {
        return fail(errc::precondition, fmt::format("{} was deleted and created again", wanted.id));
    }
    for (const auto& [name, value] : wanted.unique) {
        const auto owner = unique_.find(unique_key(request.collection, name, value));
        if (owner != unique_.end() && owner->second != wanted.id) {
            return fail(errc::conflict,
                        fmt::format("{} '{}' belongs to another document", name, value),
                        ports::store_cause::not_unique);
        }
    }
    if (present != 0) release_unique(request.collection, it->second);
    for (const auto& [name, value] : wanted.unique)
        unique_[unique_key(request.collection, name, value)] = wanted.id;
    auto& stored = documents[wanted.id];
    stored = wanted;
    stored.revision = present + 1;
    stored.write_id =
        request.write_id.empty() ? fmt::format("write-{}", ++writes_) : request.write_id;
    return stored.revision;
}

aio::task<ports::revision> memory_document_store::put(ports::put_request request) {
    const std::lock_guard lock(mutex_);
    if (auto entered = enter(); !entered) co_return base::pass(std::move(entered));
    auto put = put_now(request);
    if (!leave()) co_return fail(errc::timed_out, "the response was lost");
    co_return put;
}

aio::task<std::vector<base::outcome<ports::revision>>> memory_document_store::put_bulk(
    std::vector<ports::put_request> requests) {
    const std::lock_guard lock(mutex_);
    if (auto entered = enter(); !entered) co_return base::pass(std::move(entered));
    std::vector<base::outcome<ports::revision>> results;
    results.reserve(requests.size());
    for (const auto& request : requests) results.push_back(put_now(request));
    co_return results;
}

aio::task<ports::document> memory_document_store::get(std::string collection, std::string id) {
    const std::lock_guard lock(mutex_);
    if (auto entered = enter(); !entered) co_return base::pass(std::move(entered));
    const auto& documents = collections_[collection];
    const auto it = documents.find(id);
    if (it == documents.end()) co_return fail(errc::not_found, fmt::format("no document {}", id));
    co_return it->second;
}

aio::task<ports::page> memory_document_store::find(ports::page_request request) {
    const std::lock_guard lock(mutex_);
    if (auto entered = enter(); !entered) co_return base::pass(std::move(entered));
    const auto limit = std::clamp<std::size_t>(request.limit, 1, page_items_max);
    const auto& documents = collections_[request.collection];
    ports::page result;
    for (auto it = documents.upper_bound(request.after); it != documents.end(); ++it) {
        if (!request.index_name.empty()) {
            const auto entry = it->second.index.find(request.index_name);
            if (entry == it->second.index.end() || entry->second != request.index_value) continue;
        }
        if (result.items.size() == limit) {
            result.next = result.items.back().id;
            break;
        }
        result.items.push_back(it->second);
    }
    co_return result;
}

aio::task<ports::revision_page> memory_document_store::revisions(std::string collection,
                                                                 std::string after,
                                                                 std::size_t limit) {
    const std::lock_guard lock(mutex_);
    if (auto entered = enter(); !entered) co_return base::pass(std::move(entered));
    if (limit < 1 || limit > revision_page_items_max) {
        co_return fail(errc::invalid,
                       fmt::format("limit: must be 1 to {}", revision_page_items_max));
    }
    const auto& documents = collections_[collection];
    ports::revision_page page;
    for (auto it = documents.upper_bound(after); it != documents.end(); ++it) {
        if (page.items.size() == limit) {
            page.next = page.items.back().id;
            break;
        }
        page.items.push_back(
            {.id = it->first, .revision = it->second.revision, .write_id = it->second.write_id});
    }
    co_return page;
}

aio::task<void> memory_document_store::remove(ports::delete_request request) {
    const std::lock_guard lock(mutex_);
    if (auto entered = enter(); !entered) co_return entered;
    auto& documents = collections_[request.collection];
    const auto it = documents.find(request.id);
    const auto present = it == documents.end() ? 0 : it->second.revision;
    if (request.expected != 0 && present != request.expected) {
        co_return fail(errc::precondition, fmt::format("revision of {} is {}, not {}", request.id,
                                                       present, request.expected));
    }
    if (present != 0 && is_other_write(it->second, request.expected_write_id)) {
        co_return fail(errc::precondition,
                       fmt::format("{} was deleted and created again", request.id));
    }
    if (it != documents.end()) {
        release_unique(request.collection, it->second);
        documents.erase(it);
    }
    if (!leave()) co_return fail(errc::timed_out, "the response was lost");
    co_return base::ok();
}

aio::task<std::vector<std::string>> memory_document_store::collections() {
    const std::lock_guard lock(mutex_);
    if (auto entered = enter(); !entered) co_return base::pass(std::move(entered));
    std::vector<std::string> names;
    for (const auto& [name, documents] : collections_) {
        if (!documents.empty()) names.push_back(name);
    }
    co_return names;
}

base::outcome<void> memory_document_store::restore_now(const std::string& name,
                                                       const ports::document& document) {
    if (document.revision < 1) return fail(errc::invalid, "a revision must be at least 1");
    auto put = put_now({.collection = name, .content = document, .expected = 0});
    if (!put && put.error().code == errc::precondition) put.error().code = errc::conflict;
    if (!put) return base::pass(std::move(put));
    collections_[name][document.id].revision = document.revision;
    return base::ok();
}

aio::task<void> memory_document_store::restore(std::string collection,
                                               std::vector<ports::document> documents) {
    const std::lock_guard lock(mutex_);
    if (auto entered = enter(); !entered) co_return entered;
    for (const auto& document : documents) {
        auto restored = restore_now(collection, document);
        if (!restored) co_return restored;
    }
    co_return base::ok();
}

bool memory_document_store::is_connected() const noexcept {
    const std::lock_guard lock(mutex_);
    return !is_closed_ && (failures_left_ == 0 || calls_before_failures_ > 0);
}

aio::task<void> memory_document_store::close() {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
    co_return base::ok();
}

void memory_document_store::fail_next(int calls) {
    const std::lock_guard lock(mutex_);
    failures_left_ = calls;
}

void memory_document_store::fail_after(int calls, int failures) {
    const std::lock_guard lock(mutex_);
    calls_before_failures_ = calls;
    failures_left_ = failures;
}

void memory_document_store::lose_next_response(int failures) {
    const std::lock_guard lock(mutex_);
    failures_after_lost_response_ = failures;
}

int memory_document_store::calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
}

}  // namespace fakes
