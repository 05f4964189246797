#include "app/identity/key_registry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "app/identity/api_key_json.hpp"
#include "domain/unused_rules.hpp"
#include "token/api_key.hpp"

namespace app {
namespace {

using base::errc;

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
    const bool has_previous = !record->previous_digest.empty();
    const bool is_valid = digest_of(record->digest) &&
                          has_previous == record->previous_until.has_value() &&
                          (!has_previous || digest_of(record->previous_digest));
    if (record->id != document.id || !is_valid) {
        return base::fail(errc::corrupt, fmt::format("{}: invalid id or sha256", document.id));
    }
    return record;
}

ports::document document_of(const domain::api_key& record) {
    return {.id = record.id, .body = encode(record)};
}

bool has_bare_digest(const domain::api_key& key) noexcept {
    return key.digest_key.empty() ||
           (!key.previous_digest.empty() && key.previous_digest_key.empty());
}

std::unexpected<base::failure> no_such_key(std::string_view id) {
    return base::fail(errc::not_found, fmt::format("there is no API key '{}'", id));
}

}  // namespace

key_registry::key_registry(deps deps)
    : deps_(deps),
      registry_(deps.store, {.collection = "api_keys", .encode = document_of, .decode = record_of}),
      uses_(deps.store) {
    index_.store(std::make_shared<const api_key_index>());
    registry_.on_change([this](const std::vector<std::string>& ids) { publish(ids); });
    deps_.members.on_change([this](const std::string& subject) { update_subject(subject); });
    if (deps_.users != nullptr) {
        deps_.users->on_change([this](const std::string& subject) { update_subject(subject); });
    }
    if (deps_.accounts != nullptr) {
        deps_.accounts->on_change(
            [this](const std::string& name) { update_subject(domain::subject_of_account(name)); });
    }
    if (deps_.digests != nullptr) {
        deps_.digests->on_change([this] {
            std::vector<std::string> ids;
            for (const auto& [id, record] : registry_.records()) ids.push_back(id);
            publish(ids);
        });
    }
}

aio::task<> key_registry::load() {
    auto loaded = co_await uses_.load();
    if (loaded) loaded = co_await registry_.load();
    set_uses_known_until(deps_.clock.utc_now());
    co_return loaded;
}

bool key_registry::is_active(const std::string& subject) const {
    if (deps_.accounts != nullptr && !deps_.accounts->is_active_subject(subject)) return false;
    const auto user = deps_.users == nullptr ? nullptr : deps_.users->find(subject);
    return !user || user->state == domain::user_state::active;
}

std::shared_ptr<const domain::principal> key_registry::principal_of(
    const domain::api_key& key) const {
    return std::make_shared<const domain::principal>(domain::principal{
        .subject = key.subject,
        .is_administrator = domain::is_administrator(key.subject) ||
                            (deps_.users != nullptr && deps_.users->is_administrator(key.subject)),
        .roles = deps_.members.roles_of(key.subject),
        .credential = "key:" + key.id,
        .limits = key.limits,
        .is_auditor = deps_.users != nullptr && deps_.users->is_auditor(key.subject)});
}

void key_registry::update_subject(const std::string& subject) {
    std::shared_ptr<api_key_index> next;  // made if the subject has a key
    const auto index = index_.load();
    for (const auto& [id, key] : *index) {
        if (key.record->subject != subject) continue;
        if (!next) next = std::make_shared<api_key_index>(*index);
        auto& changed = (*next)[id];
        changed.caller = principal_of(*key.record);
        changed.is_subject_active = is_active(subject);
    }
    if (next) index_.store(std::move(next));
}

void key_registry::publish(const std::vector<std::string>& ids) {
    auto next = std::make_shared<api_key_index>(*index_.load());
    for (const auto& id : ids) {
        auto record = registry_.find(id);
        if (!record) {
            next->erase(id);
            continue;
        }
        auto digest = stored_digest_of(record->digest, record->digest_key);
        std::optional<token::stored_digest> previous;
        if (!record->previous_digest.empty()) {
            previous = stored_digest_of(record->previous_digest, record->previous_digest_key);
        }
        auto caller = principal_of(*record);
        const bool is_subject_active = is_active(record->subject);
        next->insert_or_assign(id, known_key{.record = std::move(record),
                                             .digest = std::move(digest),
                                             .previous_digest = std::move(previous),
                                             .caller = std::move(caller),
                                             .is_subject_active = is_subject_active,
                                             .use = uses_.use_of(id)});
    }
    index_.store(std::move(next));
}

token::stored_digest key_registry::stored_digest_of(const std::string& hex,
                                                    const std::string& key_id) const {
    auto value = digest_of(hex).value_or(token::sha256_digest{});
    if (key_id.empty()) return {.value = value};
    auto key = deps_.digests == nullptr ? nullptr : deps_.digests->find(key_id);
    if (!key) return {};
    return {.value = value, .key = std::move(key)};
}

void key_registry::set_digest(domain::api_key& record, const token::sha256_digest& digest) const {
    const auto key = deps_.digests == nullptr ? nullptr : deps_.digests->newest();
    record.digest = token::to_hex(key ? key->key->sign(digest) : digest);
    record.digest_key = key ? key->id : std::string();
}

domain::api_key key_registry::upgraded_record(domain::api_key record) const {
    const auto key = deps_.digests == nullptr ? nullptr : deps_.digests->settled();
    if (!key) return record;
    const auto upgrade = [&key](std::string& hex, std::string& key_id) {
        const auto digest = digest_of(hex);
        if (!key_id.empty() || !digest) return;
        hex = token::to_hex(key->key->sign(*digest));
        key_id = key->id;
    };
    upgrade(record.digest, record.digest_key);
    upgrade(record.previous_digest, record.previous_digest_key);
    return record;
}

aio::task<> key_registry::upgrade_digests() {
    if (deps_.digests == nullptr || !deps_.digests->settled()) co_return base::ok();
    const auto index = index_.load();
    std::uint64_t upgraded = 0;
    for (const auto& [id, key] : *index) {
        if (upgraded == upgrades_max) break;
        if (!has_bare_digest(*key.record)) continue;
        auto stored = co_await registry_.put(
            id, [this, &id](const domain::api_key* newest) -> base::outcome<domain::api_key> {
                if (newest == nullptr) return no_such_key(id);
                return upgraded_record(*newest);
            });
        if (!stored && stored.error().code != errc::not_found) {
            co_return base::pass(std::move(stored), "upgrade the digest of an API key");
        }
        ++upgraded;
    }
    if (upgraded > 0) deps_.log.info("api_key_digests_upgraded", {{"keys", upgraded}});
    co_return base::ok();
}

aio::task<> key_registry::purge(base::instant when) {
    const auto index = index_.load();
    for (const auto& [id, key] : *index) {
        const auto& record = *key.record;
        // Without its record, the key of a file would be admitted again.
        if (!record.expires_at) continue;
        const bool is_old =
            *record.expires_at < when || (record.revoked_at && *record.revoked_at < when);
        if (!is_old) continue;
        auto removed = co_await registry_.remove(id);
        if (!removed) co_return base::pass(std::move(removed), "delete an old API key");
    }
    std::vector<std::string> ids;
    for (const auto& [id, record] : registry_.records()) ids.push_back(id);
    co_return co_await uses_.keep_only(std::move(ids));
}

aio::task<void> key_registry::store_new(domain::api_key record) {
    auto stored = co_await registry_.put(
        record.id, [&record](const domain::api_key* newest) -> base::outcome<domain::api_key> {
            if (newest == nullptr) return record;
            return base::fail(errc::conflict, "another API key has the same id");
        });
    if (!stored) co_return base::pass(std::move(stored), "store the API key");
    deps_.log.info("api_key_created", {{"key", record.id},
                                       {"subject", record.subject},
                                       {"created_by", record.created_by},
                                       {"created_by_key", record.created_by_key}});
    co_return base::ok();
}

key_registry::own_key key_registry::own_key_of(const domain::principal& client) const {
    constexpr std::string_view scheme = "key:";
    if (!client.credential.starts_with(scheme)) return {};
    auto id = client.credential.substr(scheme.size());
    const auto index = index_.load();
    const auto entry = index->find(id);
    if (entry == index->end()) return {.id = std::move(id)};
    const auto& record = *entry->second.record;
    return {.id = std::move(id),
            .expires_at = record.expires_at,
            .unused_max = domain::unused_max_of(record)};
}

aio::task<created_key> key_registry::create_key(domain::api_key_request wanted,
                                                std::shared_ptr<const domain::principal> client) {
    return create_key_of("", std::move(wanted), std::move(client));
}

aio::task<created_key> key_registry::create_key_of(
    std::string subject, domain::api_key_request wanted,
    std::shared_ptr<const domain::principal> client) {
    const auto index = index_.load();
    if (index->size() >= keys_max) {
        co_return base::fail(errc::limit,
                             fmt::format("there are {} API keys already, which is the maximum; "
                                         "revoked and expired keys count for 30 days",
                                         keys_max),
                             "too_many");
    }
    auto own = own_key_of(*client);
    auto record =
        domain::validate(wanted, *client, own.expires_at, deps_.clock.utc_now(), deps_.policy);
    if (record) record = domain::limit_unused(std::move(*record), own.unused_max);
    if (!record) co_return base::pass(std::move(record));
    if (!subject.empty()) record->subject = std::move(subject);
    auto key = token::make_api_key();
    record->id = key.id;
    set_digest(*record, key.digest);
    record->last_four = key.last_four;
    record->created_by_key = std::move(own.id);
    auto stored = co_await store_new(std::move(*record));
    if (!stored) co_return base::pass(std::move(stored));
    co_return created_key{.record = index_.load()->at(key.id).record, .text = std::move(key.text)};
}

aio::task<std::shared_ptr<const domain::api_key>> key_registry::patch_key(
    std::string id, domain::api_key_patch wanted, revisions allowed,
    std::shared_ptr<const domain::principal> client) {
    const auto own = own_key_of(*client);
    auto stored = co_await registry_.put(
        id, [&](const domain::api_key* newest) -> base::outcome<domain::api_key> {
            if (newest == nullptr || newest->revoked_at) return no_such_key(id);
            if (allowed && std::ranges::find(*allowed, newest->revision) == allowed->end()) {
                return base::fail(errc::precondition,
                                  fmt::format("the API key has revision {}", newest->revision));
            }
            auto changed = domain::validate(wanted, *newest, *client, own.expires_at,
                                            deps_.clock.utc_now(), deps_.policy);
            if (changed)
                changed = domain::limit_unused(std::move(*changed), own.unused_max, *newest);
            if (!changed) return base::pass(std::move(changed));
            return upgraded_record(std::move(*changed));
        });
    if (!stored) co_return base::pass(std::move(stored), "store the API key");
    if (stored->is_changed) {
        deps_.log.info(
            "api_key_changed",
            {{"key", id}, {"subject", client->subject}, {"credential", client->credential}});
    }
    co_return std::move(stored->record);
}

aio::task<created_key> key_registry::rotate_key(std::string id, domain::rotation_request wanted,
                                                std::shared_ptr<const domain::principal> client) {
    const auto own = own_key_of(*client);
    auto key = token::make_api_key(id);
    auto stored = co_await registry_.put(
        id, [&](const domain::api_key* newest) -> base::outcome<domain::api_key> {
            if (newest == nullptr || newest->revoked_at) return no_such_key(id);
            const auto now = deps_.clock.utc_now();
            const auto overlap = domain::validate(wanted, *newest, *client, own.expires_at,
                                                  uses_.use_of(id)->last_used_at(), now);
            if (!overlap) return base::pass(overlap);
            auto covered = domain::check_unused(*newest, own.unused_max);
            if (!covered) return base::pass(std::move(covered));
            auto record = *newest;
            record.previous_digest = std::move(record.digest);
            record.previous_digest_key = std::move(record.digest_key);
            record.previous_until = now + *overlap;
            set_digest(record, key.digest);
            record.last_four = key.last_four;
            return upgraded_record(std::move(record));
        });
    if (!stored) co_return base::pass(std::move(stored), "rotate the API key");
    deps_.log.info("api_key_rotated",
                   {{"key", id}, {"subject", client->subject}, {"credential", client->credential}});
    co_return created_key{.record = std::move(stored->record),
                          .text = std::move(key.text),
                          .last_use = uses_.use_of(id)->last()};
}

aio::task<void> key_registry::revoke_key(std::string id) {
    auto revoked = co_await registry_.put(
        id, [this, &id](const domain::api_key* newest) -> base::outcome<domain::api_key> {
            if (newest == nullptr) return no_such_key(id);
            auto record = *newest;
            if (!record.revoked_at) record.revoked_at = deps_.clock.utc_now();
            return upgraded_record(std::move(record));
        });
    if (!revoked) co_return base::pass(std::move(revoked), "revoke the API key");
    co_return base::ok();
}

aio::task<> key_registry::revoke_subject(std::string subject) {
    const auto index = index_.load();
    for (const auto& [id, key] : *index) {
        if (key.record->subject != subject || key.record->revoked_at) continue;
        auto revoked = co_await revoke_key(id);
        if (!revoked && revoked.error().code != errc::not_found) co_return revoked;
    }
    co_return base::ok();
}

bool key_registry::has_administrator() const {
    const auto now = deps_.clock.utc_now();
    return std::ranges::any_of(*index_.load(), [&](const auto& entry) {
        const auto& key = entry.second;
        return key.caller->is_unlimited() && key.is_subject_active &&
               domain::is_usable(key.state(now));
    });
}

aio::task<void> key_registry::admit_admin_key(base::secret text) {
    const auto id = token::id_of_api_key(text.reveal());
    if (!id) co_return base::fail(errc::invalid, "the text is not an API key");
    const auto index = index_.load();
    const auto key = index->find(*id);
    if (key != index->end()) {
        if (token::matches(token::digest_of_api_key(text.reveal()), key->second.digest)) {
            const auto state = key->second.state(deps_.clock.utc_now());
            if (!domain::is_usable(state)) {
                deps_.log.warning("admin_key_not_active",
                                  {{"key", *id}, {"state", domain::name(state)}});
            }
            co_return base::ok();
        }
        co_return base::fail(errc::conflict, "another API key has the same id");
    }
    const auto& characters = text.reveal();
    domain::api_key record{.id = std::string(*id),
                           .name = "bootstrap",
                           .subject = std::string(domain::admin_subject),
                           .last_four = characters.substr(characters.size() - 4),
                           .created_at = deps_.clock.utc_now(),
                           .created_by = std::string(domain::admin_subject)};
    set_digest(record, token::digest_of_api_key(characters));
    co_return co_await store_new(std::move(record));
}

base::secret key_registry::new_key_text() {
    return token::make_api_key().text;
}

}  // namespace app
