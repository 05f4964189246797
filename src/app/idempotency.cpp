#include "app/idempotency.hpp"

#include <boost/json.hpp>
#include <optional>
#include <utility>

#include "base/time_text.hpp"

namespace app {
namespace {

namespace json = boost::json;
using base::errc;

constexpr std::size_t key_bytes_max = 128;
const std::string collection = "idempotency";

struct kept {
    std::string payload;
    base::instant at{};
    stored_response answer;
};

std::string encode(const kept& from) {
    json::object headers;
    for (const auto& [name, value] : from.answer.headers) headers[name] = value;
    return json::serialize(json::object{{"payload", from.payload},
                                        {"at", base::to_rfc3339_micro(from.at)},
                                        {"status", from.answer.status},
                                        {"headers", std::move(headers)},
                                        {"body", from.answer.body}});
}

base::outcome<kept> decode(const std::string& text) {
    const auto broken = base::fail(errc::corrupt, "a kept answer cannot be read");
    boost::system::error_code error;
    const auto parsed = json::parse(text, error);
    const auto* object = error ? nullptr : parsed.if_object();
    if (object == nullptr) return broken;
    const auto text_of = [&](std::string_view key) -> std::optional<std::string> {
        const auto* value = object->if_contains(key);
        if (value == nullptr || !value->is_string()) return std::nullopt;
        return std::string(value->get_string());
    };
    const auto payload = text_of("payload");
    const auto at = base::from_rfc3339(text_of("at").value_or(""));
    const auto body = text_of("body");
    const auto* status = object->if_contains("status");
    const auto* headers = object->if_contains("headers");
    if (!payload || !at || !body || status == nullptr || !status->is_int64() ||
        headers == nullptr || !headers->is_object()) {
        return broken;
    }
    kept result{.payload = *payload,
                .at = *at,
                .answer = {.status = static_cast<unsigned>(status->get_int64()), .body = *body}};
    for (const auto& [name, value] : headers->get_object()) {
        if (!value.is_string()) return broken;
        result.answer.headers.emplace(std::string(name), std::string(value.get_string()));
    }
    return result;
}

}  // namespace

aio::task<idempotency_ticket> idempotency_ledger::begin(std::string key, std::string payload) {
    if (key.size() > key_bytes_max) {
        co_return base::fail(errc::invalid, "the Idempotency-Key is too long");
    }
    const auto [at, is_first] = open_.try_emplace(key, open_request{.payload = payload});
    if (!is_first) {
        co_return idempotency_ticket{.verdict = at->second.payload == payload
                                                    ? idempotency_verdict::in_progress
                                                    : idempotency_verdict::other_payload};
    }
    auto found = co_await store_.get(collection, key);
    if (!found) {
        if (found.error().code == errc::not_found) co_return idempotency_ticket{};
        open_.erase(key);
        co_return base::pass(std::move(found), "look for an earlier answer");
    }
    auto earlier = decode(found->body);
    if (!earlier || clock_.utc_now() - earlier->at > idempotency_kept_for) {
        open_[key].replaces = found->revision;
        co_return idempotency_ticket{};
    }
    open_.erase(key);
    if (earlier->payload != payload) {
        co_return idempotency_ticket{.verdict = idempotency_verdict::other_payload};
    }
    co_return idempotency_ticket{.verdict = idempotency_verdict::replay,
                                 .answer = std::move(earlier->answer)};
}

aio::task<> idempotency_ledger::finish(std::string key, stored_response answer) {
    const auto at = open_.find(key);
    if (at == open_.end()) co_return base::ok();
    const auto request = at->second;
    auto put = co_await store_.put(
        {.collection = collection,
         .content = {.id = key,
                     .body = encode({.payload = request.payload,
                                     .at = clock_.utc_now(),
                                     .answer = std::move(answer)}),
                     .index = {{"day", base::to_rfc3339(clock_.utc_now()).substr(0, 10)}}},
         .expected = request.replaces});
    open_.erase(key);
    if (!put) co_return base::pass(std::move(put), "keep the answer");
    co_return base::ok();
}

void idempotency_ledger::abandon(const std::string& key) {
    open_.erase(key);
}

aio::task<> idempotency_ledger::purge() {
    // Two whole days back and before: whatever is found there has expired.
    for (int days = 2; days <= 9; ++days) {
        const auto day = base::to_rfc3339(clock_.utc_now() - std::chrono::days(days)).substr(0, 10);
        while (true) {
            auto page = co_await store_.find(
                {.collection = collection, .index_name = "day", .index_value = day, .limit = 500});
            if (!page) co_return base::pass(std::move(page), "find old answers");
            if (page->items.empty()) break;
            for (const auto& document : page->items) {
                auto removed = co_await store_.remove(
                    {.collection = collection, .id = document.id, .expected = document.revision});
                if (!removed) co_return base::pass(std::move(removed), "remove an old answer");
            }
        }
    }
    co_return base::ok();
}

}  // namespace app
