#include "app/idempotency.hpp"

#include <optional>
#include <utility>

#include "app/store_failure.hpp"
#include "base/time_text.hpp"
#include "json/json.hpp"

namespace app {
namespace {

using base::errc;

constexpr std::size_t key_bytes_max = 128;
const std::string collection = "idempotency";

// Of other processes. One more counts as a request in progress.
constexpr std::size_t seen_claims_max = 10'000;
constexpr std::chrono::hours seen_claims_kept_for{1};

// States of a claim. A released claim belongs to a write that may have happened.
constexpr std::string_view open_state = "open";
constexpr std::string_view released_state = "released";

struct stored_entry {
    std::string payload;
    base::instant stored_at{};
    std::string holder{};  // of a claim; empty: a response
    std::string state{};   // of a claim
    stored_response response{};
};

std::string encode_claim(const stored_entry& entry) {
    return json::serialize(json::object{{"payload", entry.payload},
                                        {"at", base::to_rfc3339_micro(entry.stored_at)},
                                        {"holder", entry.holder},
                                        {"state", entry.state}});
}

std::string encode(const stored_entry& entry) {
    json::object headers;
    for (const auto& [name, value] : entry.response.headers) headers[name] = value;
    return json::serialize(json::object{{"payload", entry.payload},
                                        {"at", base::to_rfc3339_micro(entry.stored_at)},
                                        {"status", entry.response.status},
                                        {"headers", std::move(headers)},
                                        {"body", entry.response.body}});
}

base::outcome<stored_entry> decode(const std::string& text) {
    const auto corrupt = base::fail(errc::corrupt, "a stored response cannot be read");
    boost::system::error_code error;
    const auto parsed = json::parse(text, error);
    const auto* object = error ? nullptr : parsed.if_object();
    if (object == nullptr) return corrupt;
    const auto text_of = [&](std::string_view key) -> std::optional<std::string> {
        const auto* value = object->if_contains(key);
        if (value == nullptr || !value->is_string()) return std::nullopt;
        return std::string(value->get_string());
    };
    const auto payload = text_of("payload");
    const auto stored_at = base::from_rfc3339(text_of("at").value_or(""));
    const auto holder = text_of("holder");
    const auto state = text_of("state");
    if (payload && stored_at && holder && state) {
        return stored_entry{
            .payload = *payload, .stored_at = *stored_at, .holder = *holder, .state = *state};
    }
    const auto body = text_of("body");
    const auto* status = object->if_contains("status");
    const auto* headers = object->if_contains("headers");
    if (!payload || !stored_at || !body || status == nullptr || !status->is_int64() ||
        headers == nullptr || !headers->is_object()) {
        return corrupt;
    }
    stored_entry result{
        .payload = *payload,
        .stored_at = *stored_at,
        .response = {.status = static_cast<unsigned>(status->get_int64()), .body = *body}};
    for (const auto& [name, value] : headers->get_object()) {
        if (!value.is_string()) return corrupt;
        result.response.headers.emplace(std::string(name), std::string(value.get_string()));
    }
    return result;
}

}  // namespace

aio::task<idempotency_ticket> idempotency_ledger::begin_idempotent(std::string key,
                                                                   std::string payload) {
    if (key.size() > key_bytes_max) {
        co_return base::fail(errc::invalid, "the Idempotency-Key is too long");
    }
    const auto [it, is_first] = open_.try_emplace(key, open_request{.payload = payload});
    if (!is_first) {
        co_return idempotency_ticket{.verdict = it->second.payload == payload
                                                    ? idempotency_verdict::in_progress
                                                    : idempotency_verdict::other_payload};
    }
    auto ticket = co_await begin(key, std::move(payload));
    const bool is_open = ticket && ticket->verdict == idempotency_verdict::first;
    if (!is_open) open_.erase(key);
    co_return ticket;
}

aio::task<idempotency_ticket> idempotency_ledger::begin(std::string key, std::string payload) {
    auto ticket = co_await find_stored(key, payload);
    if (!ticket || ticket->verdict != idempotency_verdict::first) co_return ticket;
    auto earlier = co_await find_accepted(key, payload);
    if (!is_shared() || !earlier || earlier->verdict != idempotency_verdict::first) {
        co_return earlier;
    }
    auto claimed = co_await claim(key, std::string(open_state));
    if (!claimed) co_return base::pass(std::move(claimed), "claim the Idempotency-Key");
    if (*claimed) co_return earlier;
    co_return idempotency_ticket{.verdict = idempotency_verdict::in_progress};
}

aio::task<bool> idempotency_ledger::claim(std::string key, std::string state) {
    auto& request = open_.at(key);
    const auto now = deps_.clock.utc_now();
    auto stored = co_await deps_.store.put(
        {.collection = collection,
         .content = {.id = key,
                     .body = encode_claim({.payload = request.payload,
                                           .stored_at = now,
                                           .holder = deps_.replica,
                                           .state = std::move(state)}),
                     .index = {{"day", base::to_rfc3339(now).substr(0, 10)}}},
         .expected = request.replaces});
    if (!stored && stored.error().code == errc::precondition) co_return false;
    if (!stored) co_return pass_store(std::move(stored), collection);
    open_.at(key).replaces = *stored;
    co_return true;
}

// Returns a replay if the response is stored, and `first` if the request may run.
aio::task<idempotency_ticket> idempotency_ledger::find_stored(std::string key,
                                                              std::string payload) {
    auto document = co_await deps_.store.get(collection, key);
    if (!document) {
        if (document.error().code == errc::not_found) co_return idempotency_ticket{};
        co_return pass_store(std::move(document), "read the stored response");
    }
    open_.at(key).replaces = document->revision;
    auto earlier = decode(document->body);
    const auto now = deps_.clock.utc_now();
    if (!earlier || now - earlier->stored_at > idempotency_kept_for) {
        co_return idempotency_ticket{};
    }
    const bool is_claim = !earlier->holder.empty();
    if (!is_claim) seen_.erase(key);
    if (earlier->payload != payload) {
        // A claim of this process that is not open is the rest of a request that did not run.
        const bool is_own = is_claim && earlier->holder == deps_.replica;
        co_return idempotency_ticket{.verdict = is_own ? idempotency_verdict::first
                                                       : idempotency_verdict::other_payload};
    }
    if (!is_claim) {
        co_return idempotency_ticket{.verdict = idempotency_verdict::replay,
                                     .answer = std::move(earlier->response)};
    }
    const bool is_abandoned = earlier->holder == deps_.replica ||
                              earlier->state == released_state || has_stayed(key, *document);
    if (!is_abandoned) {
        auto accepted = co_await find_accepted(key, payload);
        if (accepted && accepted->verdict == idempotency_verdict::first) {
            accepted->verdict = idempotency_verdict::in_progress;
        }
        co_return accepted;
    }
    if (is_shared()) {  // the write of the holder may be in the store alone
        auto compared = co_await deps_.compare_records();
        if (!compared) co_return base::pass(std::move(compared), "compare the records");
    }
    co_return idempotency_ticket{};
}

bool idempotency_ledger::has_stayed(const std::string& key, const ports::document& claim) {
    const auto now = deps_.clock.now();
    if (seen_.size() >= seen_claims_max) {  // those of clients that did not come back
        std::erase_if(
            seen_, [&](const auto& entry) { return now - entry.second.since > 2 * claim_timeout; });
    }
    if (seen_.size() >= seen_claims_max && !seen_.contains(key)) return false;
    const ports::document_version version{.revision = claim.revision, .write_id = claim.write_id};
    auto& seen = seen_[key];
    if (seen.version != version) seen = {.version = version, .since = now};
    return now - seen.since > claim_timeout;
}

// Finds a write whose response was not stored because the process ended or the store was
// unavailable. The record holds the operation.
aio::task<idempotency_ticket> idempotency_ledger::find_accepted(std::string key,
                                                                std::string payload) {
    if (deps_.records.has_unconfirmed()) {
        auto settled = co_await deps_.records.resolve_unconfirmed();
        if (!settled) co_return base::pass(std::move(settled), "resolve unconfirmed writes");
    }
    const auto* operation = deps_.cache.find_by_idempotency_key(key);
    if (operation == nullptr) co_return idempotency_ticket{};
    if (operation->request_digest != payload) {
        co_return idempotency_ticket{.verdict = idempotency_verdict::other_payload};
    }
    const auto& view = deps_.cache.databases().at(operation->database_id).view;
    co_return idempotency_ticket{.verdict = idempotency_verdict::replay,
                                 .done = accepted{.database = view, .operation = *operation}};
}

aio::task<void> idempotency_ledger::finish_idempotent(std::string key, stored_response response) {
    const auto it = open_.find(key);
    if (it == open_.end()) co_return base::ok();
    const auto request = it->second;
    auto put = co_await deps_.store.put(
        {.collection = collection,
         .content = {.id = key,
                     .body = encode({.payload = request.payload,
                                     .stored_at = deps_.clock.utc_now(),
                                     .response = std::move(response)}),
                     .index = {{"day", base::to_rfc3339(deps_.clock.utc_now()).substr(0, 10)}}},
         .expected = request.replaces});
    open_.erase(key);
    if (!put) co_return pass_store(std::move(put), "store the response");
    co_return base::ok();
}

aio::task<void> idempotency_ledger::abandon_idempotent(std::string key) {
    const auto it = open_.find(key);
    if (it == open_.end()) co_return base::ok();
    auto ended = base::outcome<void>();
    if (is_shared() && deps_.records.has_unconfirmed()) {
        auto released = co_await claim(key, std::string(released_state));
        if (!released) ended = base::pass(std::move(released), "release the Idempotency-Key");
    } else if (is_shared()) {
        ended = co_await deps_.store.remove(
            {.collection = collection, .id = key, .expected = it->second.replaces});
        // Another replica has taken the key over.
        if (!ended && ended.error().code == errc::precondition) ended = base::ok();
    }
    open_.erase(key);
    co_return ended;
}

aio::task<> idempotency_ledger::purge() {
    const auto now = deps_.clock.now();
    std::erase_if(
        seen_, [&](const auto& entry) { return now - entry.second.since > seen_claims_kept_for; });
    // Responses expire after a day. All that were stored two or more calendar days ago have
    // expired.
    for (int days = 2; days <= 9; ++days) {
        const auto day =
            base::to_rfc3339(deps_.clock.utc_now() - std::chrono::days(days)).substr(0, 10);
        while (true) {
            auto page = co_await deps_.store.find(
                {.collection = collection, .index_name = "day", .index_value = day, .limit = 500});
            if (!page) co_return pass_store(std::move(page), "find expired responses");
            if (page->items.empty()) break;
            for (const auto& document : page->items) {
                auto removed = co_await deps_.store.remove(
                    {.collection = collection, .id = document.id, .expected = document.revision});
                if (!removed)
                    co_return pass_store(std::move(removed), "delete an expired response");
            }
        }
    }
    co_return base::ok();
}

}  // namespace app
