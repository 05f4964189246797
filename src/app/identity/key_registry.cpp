#include "app/identity/key_registry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "app/document_walk.hpp"
#include "app/identity/api_key_json.hpp"
#include "token/api_key.hpp"

namespace app {
namespace {

using base::errc;

const std::string collection = "api_keys";
constexpr int rounds_max = 8;

std::optional<token::sha256_digest> digest_of(std::string_view hex) {
    token::sha256_digest digest{};
    if (hex.size() != digest.size() * 2) return std::nullopt;
    for (auto& byte : digest) {
        const auto [end, error] = std::from_chars(hex.data(), hex.data() + 2, byte, 16);
        if (error != std::errc() || end != hex.data() + 2) return std::nullopt;
        hex.remove_prefix(2);
    }
    return digest;
}

base::outcome<domain::api_key> record_of(const ports::document& document) {
    auto record = decode_api_key(document.body);
    if (!record) return base::pass(std::move(record), document.id);
    if (record->id != document.id || !digest_of(record->digest)) {
        return base::fail(errc::corrupt, fmt::format("{}: invalid id or sha256", document.id));
    }
    record->revision = document.revision;
    return record;
}

}  // namespace

key_registry::key_registry(deps deps) : deps_(deps) {
    index_.store(std::make_shared<const api_key_index>());
    deps_.members.on_change([this](const std::string& subject) { update_roles(subject); });
}

std::shared_ptr<const domain::principal> key_registry::principal_of(
    const domain::api_key& key) const {
    return std::make_shared<const domain::principal>(
        domain::principal{.subject = key.subject,
                          .is_administrator = domain::is_administrator(key.subject),
                          .roles = deps_.members.roles_of(key.subject),
                          .credential = "key:" + key.id,
                          .limits = key.limits});
}

void key_registry::update_roles(const std::string& subject) {
    std::shared_ptr<api_key_index> next;  // made if the subject has a key
    const auto index = index_.load();
    for (const auto& [id, key] : *index) {
        if (key.record->subject != subject) continue;
        if (!next) next = std::make_shared<api_key_index>(*index);
        (*next)[id].caller = principal_of(*key.record);
    }
    if (next) index_.store(std::move(next));
}

void key_registry::publish(std::vector<domain::api_key> records) {
    auto next = std::make_shared<api_key_index>(*index_.load());
    for (auto& record : records) {
        auto id = record.id;
        const auto digest = digest_of(record.digest).value_or(token::sha256_digest{});
        auto caller = principal_of(record);
        next->insert_or_assign(
            std::move(id),
            known_key{.record = std::make_shared<const domain::api_key>(std::move(record)),
                      .digest = digest,
                      .caller = std::move(caller)});
    }
    index_.store(std::move(next));
}

void key_registry::erase(const std::string& id) {
    auto next = std::make_shared<api_key_index>(*index_.load());
    next->erase(id);
    index_.store(std::move(next));
}

aio::task<> key_registry::load() {
    std::vector<domain::api_key> records;
    auto visited = co_await visit_documents(
        deps_.store, collection,
        [&records](const ports::document& document) -> base::outcome<void> {
            auto record = record_of(document);
            if (!record) return base::pass(std::move(record), collection);
            records.push_back(std::move(*record));
            return base::ok();
        });
    if (visited) publish(std::move(records));
    co_return visited;
}

aio::task<> key_registry::adopt(std::string id) {
    auto document = co_await deps_.store.get(collection, id);
    if (!document && document.error().code == errc::not_found) {
        erase(id);
        co_return base::ok();
    }
    if (!document) co_return base::pass(std::move(document), "read an API key again");
    auto record = record_of(*document);
    if (!record) co_return base::pass(std::move(record));
    publish({std::move(*record)});
    co_return base::ok();
}

aio::task<> key_registry::refresh() {
    std::map<std::string, ports::revision> known;
    const auto index = index_.load();
    for (const auto& [id, key] : *index) known.emplace(id, key.record->revision);
    auto visited =
        co_await visit_differing(deps_.store, collection, std::move(known),
                                 [this](std::string id) { return adopt(std::move(id)); });
    if (!visited) co_return base::pass(std::move(visited), collection);
    co_return base::ok();
}

aio::task<> key_registry::purge(base::instant when) {
    const auto index = index_.load();
    for (const auto& [id, key] : *index) {
        const auto& record = *key.record;
        const bool is_old = (record.revoked_at && *record.revoked_at < when) ||
                            (record.expires_at && *record.expires_at < when);
        if (!is_old) continue;
        auto removed = co_await deps_.store.remove({.collection = collection, .id = id});
        if (!removed) co_return base::pass(std::move(removed), "delete an old API key");
        erase(id);
    }
    co_return base::ok();
}

aio::task<void> key_registry::store_new(domain::api_key record) {
    auto stored = co_await deps_.store.put({.collection = collection,
                                            .content = {.id = record.id, .body = encode(record)},
                                            .expected = 0});
    if (!stored) co_return base::pass(std::move(stored), "store the API key");
    deps_.log.info("api_key_created", {{"key", record.id},
                                       {"subject", record.subject},
                                       {"created_by", record.created_by},
                                       {"created_by_key", record.created_by_key}});
    record.revision = *stored;
    publish({std::move(record)});
    co_return base::ok();
}

aio::task<created_key> key_registry::create_key(domain::api_key_request wanted,
                                                std::shared_ptr<const domain::principal> client) {
    const auto index = index_.load();
    if (index->size() >= keys_max) {
        co_return base::fail(errc::limit,
                             fmt::format("there are {} API keys already, which is the maximum; "
                                         "revoked and expired keys count for 30 days",
                                         keys_max),
                             "too_many");
    }
    constexpr std::string_view scheme = "key:";
    std::string creator;
    std::optional<base::instant> latest;
    if (client->credential.starts_with(scheme)) {
        creator = client->credential.substr(scheme.size());
        const auto own = index->find(creator);
        if (own != index->end()) latest = own->second.record->expires_at;
    }
    auto record = domain::validate(wanted, *client, latest, deps_.clock.utc_now());
    if (!record) co_return base::pass(std::move(record));
    auto key = token::make_api_key();
    record->id = key.id;
    record->digest = token::to_hex(key.digest);
    record->last_four = key.last_four;
    record->created_by_key = std::move(creator);
    auto stored = co_await store_new(std::move(*record));
    if (!stored) co_return base::pass(std::move(stored));
    co_return created_key{.record = index_.load()->at(key.id).record, .text = std::move(key.text)};
}

aio::task<void> key_registry::revoke_key(std::string id) {
    for (int round = 0; round < rounds_max; ++round) {
        const auto index = index_.load();
        const auto key = index->find(id);
        if (key == index->end()) {
            co_return base::fail(errc::not_found, fmt::format("there is no API key '{}'", id));
        }
        auto record = *key->second.record;
        if (record.revoked_at) co_return base::ok();
        record.revoked_at = deps_.clock.utc_now();
        auto stored = co_await deps_.store.put({.collection = collection,
                                                .content = {.id = id, .body = encode(record)},
                                                .expected = record.revision});
        if (stored) {
            record.revision = *stored;
            publish({std::move(record)});
            co_return base::ok();
        }
        // The write may have happened, or another process may have written.
        const bool has_moved = stored.error().code == errc::precondition;
        auto adopted = co_await adopt(id);
        const auto present = index_.load();
        const auto again = present->find(id);
        const bool is_revoked = again == present->end() || again->second.record->revoked_at;
        if (adopted && (has_moved || is_revoked)) continue;
        co_return base::pass(std::move(stored), "revoke the API key");
    }
    co_return base::fail(errc::unavailable, "the API key changes faster than it can be written");
}

bool key_registry::has_administrator() const {
    const auto now = deps_.clock.utc_now();
    return std::ranges::any_of(*index_.load(), [&](const auto& entry) {
        const auto& key = entry.second;
        return key.caller->is_unlimited() &&
               domain::state_of(*key.record, now) == domain::api_key_state::active;
    });
}

aio::task<void> key_registry::admit_admin_key(base::secret text) {
    const auto id = token::id_of_api_key(text.reveal());
    if (!id) co_return base::fail(errc::invalid, "the text is not an API key");
    const auto index = index_.load();
    const auto key = index->find(*id);
    if (key != index->end()) {
        if (token::matches(text.reveal(), key->second.digest)) {
            const auto state = domain::state_of(*key->second.record, deps_.clock.utc_now());
            if (state != domain::api_key_state::active) {
                deps_.log.warning("admin_key_not_active",
                                  {{"key", *id}, {"state", domain::name(state)}});
            }
            co_return base::ok();
        }
        co_return base::fail(errc::conflict, "another API key has the same id");
    }
    const auto& characters = text.reveal();
    co_return co_await store_new({.id = std::string(*id),
                                  .name = "bootstrap",
                                  .subject = std::string(domain::admin_subject),
                                  .digest = token::to_hex(token::digest_of_api_key(characters)),
                                  .last_four = characters.substr(characters.size() - 4),
                                  .created_at = deps_.clock.utc_now(),
                                  .created_by = std::string(domain::admin_subject)});
}

base::secret key_registry::new_key_text() {
    return token::make_api_key().text;
}

}  // namespace app
