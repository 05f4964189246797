#include "mongo/document_writes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace mongo {
namespace {

using base::errc;
using base::fail;

constexpr int attempts_max = 3;

// The message of the server names the index before it repeats a value of a user.
bool is_about_id(std::string_view duplicate_text) {
    constexpr std::string_view mark = "index: ";
    const auto position = duplicate_text.find(mark);
    return position != std::string_view::npos &&
           duplicate_text.substr(position + mark.size()).starts_with("_id_");
}

std::unexpected<base::failure> not_unique(const ports::document& content) {
    if (content.unique.size() == 1) {
        const auto& [name, value] = *content.unique.begin();
        return fail(errc::conflict, fmt::format("the {} '{}' is already in use", name, value),
                    ports::store_cause::not_unique);
    }
    return fail(errc::conflict, "a unique value of the document is already in use",
                ports::store_cause::not_unique);
}

std::string write_id_of(const ports::put_request& request) {
    return request.write_id.empty() ? ports::new_write_id() : request.write_id;
}

std::unexpected<base::failure> other_revision(const std::string& collection, const std::string& id,
                                              ports::revision present, ports::revision expected) {
    if (present == expected) {
        return fail(errc::precondition,
                    fmt::format("'{}/{}' was deleted and created again", collection, id));
    }
    return fail(errc::precondition,
                fmt::format("'{}/{}' has revision {}, not {}", collection, id, present, expected));
}

}  // namespace

struct document_writes::attempt_state {
    std::string write_id;
    ports::revision replaced = 0;            // 0 = the write is an insert
    bool is_unconfirmed = false;             // an earlier attempt may have been applied
    std::optional<std::string> duplicate{};  // the message of a duplicate key
};

struct document_writes::bulk_entry {
    const ports::put_request* request;
    std::size_t position;  // in the requests of the call
    bool is_insert;
    attempt_state state{};
    std::string document{};
};

std::chrono::milliseconds document_writes::remaining() const {
    const auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline_ - std::chrono::steady_clock::now());
    return std::max(rest, std::chrono::milliseconds(1));
}

bool document_writes::may_retry(const call_error& error, int attempt) const {
    return is_worth_retry(error.kind) && attempt < attempts_max &&
           std::chrono::steady_clock::now() < deadline_;
}

base::failure document_writes::give_up(const call_error& error, bool is_unconfirmed) {
    last_error_ = error;
    return as_write_failure(error.kind, is_unconfirmed);
}

call_result<std::optional<stored_version>> document_writes::version_of(
    const std::string& collection, const std::string& id) {
    auto documents =
        driver_.find(collection, filter_by_id(id), options_of_version_find(1, remaining()));
    if (!documents) return std::unexpected(std::move(documents).error());
    if (documents->empty()) return std::nullopt;
    auto version = decode_version(documents->front());
    if (!version) return std::unexpected(call_error{.text = version.error().text});
    return std::optional(std::move(*version));
}

// Decides the result of a write that the server did not acknowledge as applied, from the version
// that the document has now.
base::outcome<ports::revision> document_writes::judge(
    const ports::put_request& request, const attempt_state& state,
    const std::optional<stored_version>& present) {
    const auto next = request.expected + 1;
    if (present && present->write_id == state.write_id) {
        ++confirmed_;
        return next;
    }
    const auto revision = present ? present->revision : 0;
    if (state.duplicate && revision == state.replaced && !is_about_id(*state.duplicate)) {
        return not_unique(request.content);
    }
    // The revision `next` of another process excludes that this write was applied. After a later
    // revision, a deletion or another creation, it may have been applied before.
    const bool is_created_again =
        revision > 0 && (revision < state.replaced ||
                         (revision == state.replaced && !request.expected_write_id.empty() &&
                          present->write_id != request.expected_write_id));
    const bool is_overtaken =
        revision > next || (revision == 0 && state.replaced > 0) || is_created_again;
    if (state.is_unconfirmed && is_overtaken) {
        return fail(errc::unavailable,
                    fmt::format("'{}/{}' may have been written: the response was lost, and the "
                                "document has changed since",
                                request.collection, request.content.id),
                    "write_unconfirmed");
    }
    return other_revision(request.collection, request.content.id, revision, request.expected);
}

base::outcome<ports::revision> document_writes::explain(const ports::put_request& request,
                                                        const attempt_state& state) {
    const auto present = version_of(request.collection, request.content.id);
    if (!present) return std::unexpected(give_up(present.error(), true));
    return judge(request, state, *present);
}

base::outcome<ports::revision> document_writes::put(const ports::put_request& request) {
    const auto& content = request.content;
    const auto next = request.expected + 1;
    attempt_state state{.write_id = write_id_of(request), .replaced = request.expected};
    const auto document = encode(content, next, state.write_id);
    const auto filter = filter_by_version(content.id, request.expected, request.expected_write_id);
    for (int attempt = 1;; ++attempt) {
        call_result<bool> is_written = true;
        if (request.expected == 0) {
            auto inserted = driver_.insert(request.collection, document);
            if (!inserted) is_written = std::unexpected(std::move(inserted).error());
        } else {
            auto replaced = driver_.replace(request.collection, filter, document);
            if (replaced) {
                is_written = replaced->matched > 0;
            } else {
                is_written = std::unexpected(std::move(replaced).error());
            }
        }
        if (is_written && *is_written) return next;
        if (is_written) return explain(request, state);
        const auto& error = is_written.error();
        if (error.kind == error_kind::duplicate_key) {
            state.duplicate = error.text;
            return explain(request, state);
        }
        state.is_unconfirmed = state.is_unconfirmed || may_be_applied(error.kind);
        if (!may_retry(error, attempt)) {
            return std::unexpected(give_up(error, state.is_unconfirmed));
        }
    }
}

base::outcome<void> document_writes::remove(const ports::delete_request& request) {
    const auto filter = request.expected == 0 ? filter_by_id(request.id)
                                              : filter_by_version(request.id, request.expected,
                                                                  request.expected_write_id);
    bool is_unconfirmed = false;
    for (int attempt = 1;; ++attempt) {
        const auto erased = driver_.erase(request.collection, filter);
        if (erased) {
            if (erased->deleted > 0 || request.expected == 0) return {};
            break;
        }
        is_unconfirmed = is_unconfirmed || may_be_applied(erased.error().kind);
        if (!may_retry(erased.error(), attempt)) {
            return std::unexpected(give_up(erased.error(), is_unconfirmed));
        }
    }
    const auto present = version_of(request.collection, request.id);
    if (!present) return std::unexpected(give_up(present.error(), true));
    if (!*present && is_unconfirmed) {
        return fail(errc::unavailable,
                    fmt::format("'{}/{}' no longer exists: the response was lost, and this call or "
                                "another process has deleted it",
                                request.collection, request.id),
                    "write_unconfirmed");
    }
    return other_revision(request.collection, request.id, *present ? (*present)->revision : 0,
                          request.expected);
}

std::vector<base::outcome<ports::revision>> document_writes::put_bulk(
    const std::vector<ports::put_request>& requests) {
    return write_all(requests, false);
}

base::outcome<void> document_writes::restore(const std::vector<ports::put_request>& requests) {
    const auto results = write_all(requests, true);
    for (std::size_t index = 0; index < results.size(); ++index) {
        if (results[index]) continue;
        if (results[index].error().code != errc::precondition) return base::pass(results[index]);
        const auto& request = requests[index];
        return fail(errc::conflict,
                    fmt::format("'{}/{}' exists already", request.collection, request.content.id));
    }
    return {};
}

std::vector<base::outcome<ports::revision>> document_writes::write_all(
    const std::vector<ports::put_request>& requests, bool are_inserts) {
    std::vector<base::outcome<ports::revision>> results(requests.size(), ports::revision(0));
    std::map<std::string, std::vector<bulk_entry>> by_collection;
    for (std::size_t position = 0; position < requests.size(); ++position) {
        const auto& request = requests[position];
        if (auto checked = check_document(request.content); !checked) {
            results[position] = base::pass(std::move(checked));
            continue;
        }
        by_collection[request.collection].push_back(
            {.request = &request,
             .position = position,
             .is_insert = are_inserts || request.expected == 0,
             .state = {.write_id = write_id_of(request)}});
    }
    for (auto& [collection, entries] : by_collection) {
        std::vector<bulk_entry> chunk;
        std::set<std::string_view> ids;
        std::size_t bytes = 0;
        for (auto& entry : entries) {
            const auto& content = entry.request->content;
            // The server runs the statements of a bulk in any order.
            if (chunk.size() == bulk_statements_max || ids.contains(content.id) ||
                (bytes + content.body.size() > bulk_bytes_max && !chunk.empty())) {
                write_chunk(collection, chunk, results);
                chunk.clear();
                ids.clear();
                bytes = 0;
            }
            ids.insert(content.id);
            bytes += content.body.size();
            chunk.push_back(std::move(entry));
        }
        write_chunk(collection, chunk, results);
    }
    return results;
}

void document_writes::write_chunk(const std::string& collection, std::vector<bulk_entry>& entries,
                                  std::vector<base::outcome<ports::revision>>& results) {
    // The driver sends neighbours of one type as one command.
    std::ranges::partition(entries, &bulk_entry::is_insert);
    std::vector<bulk_statement> statements;
    statements.reserve(entries.size());
    std::int64_t replaces = 0;
    for (auto& entry : entries) {
        const auto& content = entry.request->content;
        const auto expected = entry.request->expected;
        if (!entry.is_insert) ++replaces;
        entry.state.replaced = entry.is_insert ? 0 : expected;
        statements.push_back({.filter = entry.is_insert
                                            ? std::string()
                                            : filter_by_version(content.id, expected,
                                                                entry.request->expected_write_id),
                              .document = encode(content, expected + 1, entry.state.write_id)});
    }
    auto bulk = driver_.bulk(collection, statements);
    std::set<std::size_t> failed;
    for (auto& [index, error] : bulk.errors) {
        if (index >= entries.size()) continue;
        failed.insert(index);
        if (error.kind == error_kind::duplicate_key) {
            entries[index].state.duplicate = std::move(error.text);
        } else {
            entries[index].state.is_unconfirmed = may_be_applied(error.kind);
        }
    }
    if (bulk.failure && bulk.failure->kind == error_kind::not_sent) {
        const auto failure = give_up(*bulk.failure, false);
        for (const auto& entry : entries) results[entry.position] = std::unexpected(failure);
        return;
    }
    if (bulk.failure) return confirm_chunk(collection, entries, bulk.failure, results);
    const bool are_replaces_matched = failed.empty() && bulk.counts.matched == replaces;
    std::vector<bulk_entry> unclear;
    for (std::size_t index = 0; index < entries.size(); ++index) {
        auto& entry = entries[index];
        if (!failed.contains(index) && (entry.is_insert || are_replaces_matched)) {
            results[entry.position] = entry.request->expected + 1;
        } else {
            unclear.push_back(std::move(entry));
        }
    }
    confirm_chunk(collection, unclear, std::nullopt, results);
}

// Reads the versions of the documents and decides the result of each write.
void document_writes::confirm_chunk(const std::string& collection, std::vector<bulk_entry>& entries,
                                    const std::optional<call_error>& failure,
                                    std::vector<base::outcome<ports::revision>>& results) {
    if (entries.empty()) return;
    std::vector<std::string> ids;
    ids.reserve(entries.size());
    for (const auto& entry : entries) ids.push_back(entry.request->content.id);
    const auto documents =
        driver_.find(collection, filter_by_ids(ids), options_of_version_find(0, remaining()));
    if (!documents || failure) {
        last_error_ = failure ? *failure : documents.error();
    }
    std::map<std::string, stored_version> versions;
    if (documents) {
        for (const auto& bytes : *documents) {
            if (auto version = decode_version(bytes)) {
                auto id = version->id;
                versions.emplace(std::move(id), std::move(*version));
            }
        }
    }
    for (auto& entry : entries) {
        auto& result = results[entry.position];
        const auto it = versions.find(entry.request->content.id);
        const auto present = it == versions.end() ? std::nullopt : std::optional(it->second);
        const bool is_own = present && present->write_id == entry.state.write_id;
        if (!documents || (failure && !is_own)) {
            result = std::unexpected(give_up(*last_error_, true));
        } else {
            result = judge(*entry.request, entry.state, present);
        }
    }
}

}  // namespace mongo
