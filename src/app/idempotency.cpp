#include "app/idempotency.hpp"

#include <optional>
#include <utility>

#include "base/time_text.hpp"
#include "json/json.hpp"

namespace app {
namespace {

using base::errc;

constexpr std::size_t key_bytes_max = 128;
const std::string collection = "idempotency";

struct stored_entry {
    std::string payload;
    base::instant stored_at{};
    stored_response response;
};

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
    auto ticket = co_await find_stored(key, payload);
    if (!ticket || ticket->verdict != idempotency_verdict::first) co_return ticket;
    auto earlier = co_await find_accepted(key, payload);
    const bool is_first = earlier && earlier->verdict == idempotency_verdict::first;
    if (!is_first) open_.erase(key);
    co_return earlier;
}

// Returns a replay if the response is stored. Opens the request otherwise.
aio::task<idempotency_ticket> idempotency_ledger::find_stored(std::string key,
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
    auto document = co_await deps_.store.get(collection, key);
    if (!document) {
        if (document.error().code == errc::not_found) co_return idempotency_ticket{};
        open_.erase(key);
        co_return base::pass(std::move(document), "read the stored response");
    }
    auto earlier = decode(document->body);
    if (!earlier || deps_.clock.utc_now() - earlier->stored_at > idempotency_kept_for) {
        open_[key].replaces = document->revision;
        co_return idempotency_ticket{};
    }
    open_.erase(key);
    if (earlier->payload != payload) {
        co_return idempotency_ticket{.verdict = idempotency_verdict::other_payload};
    }
    co_return idempotency_ticket{.verdict = idempotency_verdict::replay,
                                 .answer = std::move(earlier->response)};
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
    if (!put) co_return base::pass(std::move(put), "store the response");
    co_return base::ok();
}

aio::task<void> idempotency_ledger::abandon_idempotent(std::string key) {
    open_.erase(key);
    co_return base::ok();
}

aio::task<> idempotency_ledger::purge() {
    // Responses expire after a day. All that were stored two or more calendar days ago have
    // expired.
    for (int days = 2; days <= 9; ++days) {
        const auto day =
            base::to_rfc3339(deps_.clock.utc_now() - std::chrono::days(days)).substr(0, 10);
        while (true) {
            auto page = co_await deps_.store.find(
                {.collection = collection, .index_name = "day", .index_value = day, .limit = 500});
            if (!page) co_return base::pass(std::move(page), "find expired responses");
            if (page->items.empty()) break;
            for (const auto& document : page->items) {
                auto removed = co_await deps_.store.remove(
                    {.collection = collection, .id = document.id, .expected = document.revision});
                if (!removed)
                    co_return base::pass(std::move(removed), "delete an expired response");
            }
        }
    }
    co_return base::ok();
}

}  // namespace app
