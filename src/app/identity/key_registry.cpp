#include "app/identity/key_registry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "app/identity/api_key_json.hpp"
#include "domain/own_key_rules.hpp"
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

bool has_valid_secret(const domain::api_key& key, base::instant now) noexcept {
    return !key.revoked_at && (!key.expires_at || now < *key.expires_at);
}

bool has_valid_previous_secret(const domain::api_key& key, base::instant now) noexcept {
    return has_valid_secret(key, now) && !key.previous_digest.empty() && now < key.previous_until;
}

std::unexpected<base::failure> no_such_key(std::string_view id) {
    return base::fail(errc::not_found, fmt::format("there is no API key '{}'", id));
}

// Errors: denied (domain::check_own_key), if the key has the subject of the client.
base::outcome<void> check_own(const domain::api_key& key, const domain::principal& client) {
    if (key.subject != client.subject) return base::ok();
    return domain::check_own_key(key.subject, client);
}

bool is_created_by_account(const domain::api_key& record) {
    return domain::account_of_subject(record.created_by).has_value();
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
        deps_.digests->on_change([this] { publish_all(); });
    }
}

void key_registry::publish_all() {
    std::vector<std::string> ids;
    for (const auto& [id, record] : registry_.records()) ids.push_back(id);
    publish(ids);
}

void key_registry::reject_bare_digests() {
    accepts_bare_digests_ = false;
    publish_all();
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
        auto digest = accepted_digest_of(record->digest, record->digest_key);
        std::optional<token::stored_digest> previous;
        if (!record->previous_digest.empty()) {
            previous = accepted_digest_of(record->previous_digest, record->previous_digest_key);
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

token::stored_digest key_registry::accepted_digest_of(const std::string& hex,
                                                      const std::string& key_id) const {
    if (key_id.empty() && !accepts_bare_digests_) return {};
    return stored_digest_of(hex, key_id);
}

void key_registry::set_digest(domain::api_key& record, const token::sha256_digest& digest) const {
    const auto key = deps_.digests == nullptr ? nullptr : deps_.digests->newest();
    record.digest = token::to_hex(key ? key->key->sign(digest) : digest);
    record.digest_key = key ? key->id : std::string();
}

domain::api_key key_registry::upgraded_record(domain::api_key record,
                                              const digest_moves::secrets& used) const {
    const auto target = deps_.digests == nullptr ? nullptr : deps_.digests->settled();
    if (!target) return record;
    const auto upgrade = [&](std::string& hex, std::string& key_id,
                             const std::optional<token::sha256_digest>& secret) {
        if (key_id == target->id) return;
        const bool is_used = secret && token::matches(*secret, accepted_digest_of(hex, key_id));
        const bool is_bare = key_id.empty() && accepts_bare_digests_;
        const auto digest = is_used ? secret : is_bare ? digest_of(hex) : std::nullopt;
        if (!digest) return;
        hex = token::to_hex(target->key->sign(*digest));
        key_id = target->id;
    };
    upgrade(record.digest, record.digest_key, used.present);
    upgrade(record.previous_digest, record.previous_digest_key, used.previous);
    return record;
}

aio::task<> key_registry::upgrade_digests() {
    const auto target = deps_.digests == nullptr ? nullptr : deps_.digests->settled();
    moves_.set_target(target ? target->key : nullptr);
    if (!target) co_return base::ok();
    const auto noted = moves_.take();
    const auto index = index_.load();
    std::size_t attempts = 0;
    std::uint64_t upgraded = 0;
    for (const auto& [id, key] : *index) {
        if (attempts == upgrades_max) break;  // the next use notes a secret again
        const auto entry = noted.find(id);
        const bool is_used = entry != noted.end();
        const bool is_bare = accepts_bare_digests_ && has_bare_digest(*key.record);
        if (!is_used && !is_bare) continue;
        const auto used = is_used ? entry->second : digest_moves::secrets();
        ++attempts;
        auto stored = co_await registry_.put(
            id, [&](const domain::api_key* newest) -> base::outcome<domain::api_key> {
                if (newest == nullptr) return no_such_key(id);
                return upgraded_record(*newest, used);
            });
        if (!stored && stored.error().code != errc::not_found) {
            co_return base::pass(std::move(stored), "upgrade the digest of an API key");
        }
        if (stored && stored->is_changed) ++upgraded;
    }
    if (upgraded == 0) co_return base::ok();
    std::uint64_t remaining = 0;
    for (const auto& [id, count] : count_digests()) remaining += id == target->id ? 0 : count;
    deps_.log.info("api_key_digests_upgraded",
                   {{"keys", upgraded}, {"digest_key", target->id}, {"remaining", remaining}});
    co_return base::ok();
}

std::map<std::string, std::size_t> key_registry::count_digests() const {
    std::map<std::string, std::size_t> result;
    const auto now = deps_.clock.utc_now();
    for (const auto& [id, key] : registry_.records()) {
        if (has_valid_secret(*key, now)) ++result[key->digest_key];
        if (has_valid_previous_secret(*key, now)) ++result[key->previous_digest_key];
    }
    return result;
}

aio::task<std::size_t> key_registry::revoke_digests(std::string digest_key) {
    const auto index = index_.load();
    std::size_t revoked = 0;
    for (const auto& [id, key] : *index) {
        bool is_revoked = false;
        auto stored = co_await registry_.put(
            id, [&](const domain::api_key* newest) -> base::outcome<domain::api_key> {
                if (newest == nullptr) return no_such_key(id);
                auto record = *newest;
                const auto now = deps_.clock.utc_now();
                const bool has_previous = has_valid_previous_secret(record, now);
                is_revoked = has_valid_secret(record, now) && record.digest_key == digest_key;
                if (is_revoked) record.revoked_at = now;
                if (has_previous && record.previous_digest_key == digest_key) {
                    record.previous_digest.clear();
                    record.previous_digest_key.clear();
                    record.previous_until.reset();
                }
                return record;
            });
        if (!stored && stored.error().code != errc::not_found) {
            co_return base::pass(std::move(stored), "revoke an API key");
        }
        if (!stored || !is_revoked) continue;
        ++revoked;
        deps_.log.info("api_key_revoked", {{"key", id}, {"digest_key", digest_key}});
    }
    co_return revoked;
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
    if (!stored) co_return base::pass(std::move(stored));
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

aio::task<void> key_registry::check_creator(std::shared_ptr<const domain::principal> client,
                                            domain::credential_limits limits) {
    if (deps_.users == nullptr) co_return base::ok();
    auto read = co_await deps_.users->refresh(client->subject);
    const auto own = own_key_of(*client);
    if (read && !own.id.empty()) read = co_await registry_.adopt(own.id);
    if (!read) co_return base::pass(std::move(read), "read the user of the API key");
    const auto key = registry_.find(own.id);
    const auto user = deps_.users->find(client->subject);
    // A subject of a key needs no user, but a session does.
    const bool is_valid = user ? user->state == domain::user_state::active
                               : !client->credential.starts_with("session:");
    const bool is_key_valid = !key || (!key->revoked_at && key->limits.include(limits));
    if (is_valid && is_key_valid) co_return base::ok();
    co_return base::fail(errc::denied, "the credential of the request has ended");
}

aio::task<created_key> key_registry::create_key(domain::api_key_request wanted,
                                                std::shared_ptr<const domain::principal> client) {
    auto may_create = domain::check_own_key(wanted.subject.value_or(client->subject), *client);
    if (!may_create) co_return base::pass(std::move(may_create));
    co_return co_await create_key_of("", std::move(wanted), std::move(client));
}

aio::task<created_key> key_registry::create_key_of(
    std::string subject, domain::api_key_request wanted,
    std::shared_ptr<const domain::principal> client) {
    auto has_room = check_room(*client);
    if (!has_room) co_return base::pass(std::move(has_room));
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
    const auto limits = record->limits;
    auto stored = co_await store_new(std::move(*record));
    if (!stored) co_return base::pass(std::move(stored));
    // The deletion of a user ends its credentials and then revokes its keys. After this check,
    // either the deletion finds the new key, or the check finds the deletion.
    auto valid = co_await check_creator(client, limits);
    if (!valid) {
        auto revoked = co_await revoke_key(key.id);
        co_return base::pass(revoked ? std::move(valid) : std::move(revoked));
    }
    co_return created_key{.record = index_.load()->at(key.id).record, .text = std::move(key.text)};
}

base::outcome<void> key_registry::check_room(const domain::principal& client) const {
    const auto index = index_.load();
    const auto max = client.is_unlimited() ? keys_max : keys_max - keys_of_administrators;
    if (index->size() >= max) {
        return base::fail(errc::limit,
                          fmt::format("there are {} API keys already, which is the maximum; "
                                      "revoked and expired keys count for 30 days",
                                      index->size()),
                          "too_many");
    }
    if (client.is_administrator) return base::ok();
    // The keys of all service accounts whose first key the same subject has created count together.
    const auto own = index->find(own_key_of(client).id);
    const bool is_account = domain::account_of_subject(client.subject) && own != index->end();
    const auto owner = is_account ? owner_of(*own->second.record) : client.subject;
    const auto is_own = [&](const auto& entry) {
        const auto& record = *entry.second.record;
        if (!is_account) return record.created_by == client.subject;
        return is_created_by_account(record) && owner_of(record) == owner;
    };
    if (std::ranges::count_if(*index, is_own) < std::ptrdiff_t(keys_of_creator_max)) {
        return base::ok();
    }
    return base::fail(errc::limit,
                      fmt::format("the caller has created {} API keys already, which is the "
                                  "maximum; revoked and expired keys count for 30 days",
                                  keys_of_creator_max),
                      "too_many");
}

aio::task<std::shared_ptr<const domain::api_key>> key_registry::patch_key(
    std::string id, domain::api_key_patch wanted, revisions allowed,
    std::shared_ptr<const domain::principal> client) {
    const auto own = own_key_of(*client);
    auto stored = co_await registry_.put(
        id, [&](const domain::api_key* newest) -> base::outcome<domain::api_key> {
            if (newest == nullptr || newest->revoked_at) return no_such_key(id);
            auto may_change = check_own(*newest, *client);
            if (!may_change) return base::pass(std::move(may_change));
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
    if (!stored) co_return base::pass(std::move(stored));
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
    const auto known = registry_.find(id);
    auto stored = co_await registry_.put(
        id, [&](const domain::api_key* newest) -> base::outcome<domain::api_key> {
            if (newest == nullptr || newest->revoked_at) return no_such_key(id);
            auto may_change = check_own(*newest, *client);
            if (!may_change) return base::pass(std::move(may_change));
            // The secret of this request may be the one that the other rotation has ended.
            if (own.id == id && (!known || newest->digest != known->digest)) {
                return base::fail(errc::conflict,
                                  "the API key was rotated at the same time; use its new secret",
                                  "rotated");
            }
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
    if (!stored) co_return base::pass(std::move(stored));
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
    if (!revoked) co_return base::pass(std::move(revoked));
    co_return base::ok();
}

aio::task<> key_registry::revoke_subject(std::string subject) {
    co_return co_await revoke_where(
        [&subject](const domain::api_key& key) { return key.subject == subject; });
}

aio::task<> key_registry::revoke_own_keys(std::string subject) {
    // Keys of this subject need no user.
    if (subject == domain::admin_subject) co_return base::ok();
    co_return co_await revoke_where([&](const domain::api_key& key) {
        if (key.subject != subject) return false;
        const auto& root = root_of(key, [](const domain::api_key&) { return true; });
        return root.created_by == subject && root.created_by_key.empty();
    });
}

aio::task<> key_registry::revoke_where(std::function<bool(const domain::api_key&)> is_affected) {
    auto refreshed = co_await registry_.refresh();
    if (!refreshed) co_return base::pass(std::move(refreshed), "read the newest API keys");
    const auto index = index_.load();
    for (const auto& [id, key] : *index) {
        if (key.record->revoked_at || !is_affected(*key.record)) continue;
        auto revoked = co_await revoke_key(id);
        if (!revoked && revoked.error().code != errc::not_found) co_return revoked;
    }
    co_return base::ok();
}

const domain::api_key& key_registry::root_of(const domain::api_key& record,
                                             bool (*has_parent)(const domain::api_key&)) const {
    constexpr int steps_max = 100;  // records of a changed store may name each other
    const auto& records = registry_.records();
    const auto* root = &record;
    for (int step = 0; step < steps_max && has_parent(*root); ++step) {
        const auto parent = records.find(root->created_by_key);
        if (parent == records.end()) break;
        root = parent->second.get();
    }
    return *root;
}

const std::string& key_registry::owner_of(const domain::api_key& record) const {
    return root_of(record, is_created_by_account).created_by;
}

bool key_registry::has_administrator() const {
    const auto now = deps_.clock.utc_now();
    return std::ranges::any_of(*index_.load(), [&](const auto& entry) {
        const auto& key = entry.second;
        return key.caller->is_unlimited() && key.is_subject_active &&
               domain::is_usable(key.state(now));
    });
}

aio::task<void> key_registry::admit_stored(std::string id, token::sha256_digest digest) {
    const auto record = registry_.find(id);
    const auto stored = stored_digest_of(record->digest, record->digest_key);
    // The digest key of a revoked key may be removed already.
    const bool is_removed = record->revoked_at && !record->digest_key.empty() && !stored.key;
    if (!is_removed && !token::matches(digest, stored)) {
        co_return base::fail(errc::conflict, "another API key has the same id");
    }
    const auto state = index_.load()->at(id).state(deps_.clock.utc_now());
    if (!domain::is_usable(state)) {
        deps_.log.warning("admin_key_not_active", {{"key", id}, {"state", domain::name(state)}});
        co_return base::ok();
    }
    // The file proves the secret, so its digest need not wait for a use.
    const bool is_rejected = record->digest_key.empty() && !accepts_bare_digests_;
    auto written = co_await registry_.put(
        id, [&](const domain::api_key* newest) -> base::outcome<domain::api_key> {
            if (newest == nullptr) return no_such_key(id);
            auto changed = *newest;
            if (!is_rejected) return upgraded_record(std::move(changed), {.present = digest});
            const auto present = stored_digest_of(changed.digest, changed.digest_key);
            if (token::matches(digest, present)) set_digest(changed, digest);
            return changed;
        });
    // The next start tries again.
    if (!written) {
        deps_.log.warning("admin_key_digest_not_upgraded",
                          {{"key", id}, {"detail", written.error().text}});
    }
    co_return base::ok();
}

aio::task<void> key_registry::admit_admin_key(base::secret text) {
    const auto id = token::id_of_api_key(text.reveal());
    if (!id) co_return base::fail(errc::invalid, "the text is not an API key");
    const auto digest = token::digest_of_api_key(text.reveal());
    const std::string key(*id);
    if (registry_.find(key)) co_return co_await admit_stored(key, digest);
    const auto& characters = text.reveal();
    domain::api_key record{.id = key,
                           .name = "bootstrap",
                           .subject = std::string(domain::admin_subject),
                           .last_four = characters.substr(characters.size() - 4),
                           .created_at = deps_.clock.utc_now(),
                           .created_by = std::string(domain::admin_subject)};
    set_digest(record, digest);
    auto stored = co_await store_new(std::move(record));
    // Replicas that start at the same time admit the key of the same file.
    const bool is_theirs = !stored && stored.error().code == errc::conflict && registry_.find(key);
    if (is_theirs) co_return co_await admit_stored(key, digest);
    co_return stored;
}

base::secret key_registry::new_key_text() {
    return token::make_api_key().text;
}

}  // namespace app
