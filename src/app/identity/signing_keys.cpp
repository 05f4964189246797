#include "app/identity/signing_keys.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "app/document_walk.hpp"
#include "base/time_text.hpp"
#include "json/json_access.hpp"
#include "json/json_writer.hpp"
#include "token/digest.hpp"

namespace app {
namespace {

using base::errc;

const std::string collection = "signing_keys";
constexpr int format_version = 1;
constexpr std::string_view id_prefix = "ed25519-";

std::string purpose_of(std::string_view id) {
    return fmt::format("signing key {}", id);
}

// Names the secret without revealing it. The ids of two secrets differ.
std::string id_of_secret(const base::secret& secret) {
    return "hs256-" + token::to_hex(token::hmac_sha256(secret, "key id")).substr(0, 8);
}

std::shared_ptr<const std::string> document_of(const std::vector<token::jwt_key>& keys) {
    auto text = std::make_shared<std::string>();
    json::writer out(*text);
    out.begin_object().key("keys").begin_array();
    for (const auto& key : keys) {
        if (key.algorithm() == token::jwt_algorithm::eddsa) out.raw(key.public_jwk());
    }
    out.end_array().end_object();
    return text;
}

std::string encode(std::string_view sealed, base::instant created_at) {
    const json::object result{{"v", format_version},
                              {"created_at", base::to_rfc3339_micro(created_at)},
                              {"sealed", sealed}};
    return json::serialize(result);
}

// Returns 0 for an id that add() has not made.
std::size_t number_of(std::string_view id) noexcept {
    std::size_t number = 0;
    if (!id.starts_with(id_prefix)) return 0;
    std::from_chars(id.data() + id_prefix.size(), id.data() + id.size(), number);
    return number;
}

}  // namespace

key_schedule schedule_of(const std::vector<stored_signing_key>& keys, base::instant now) {
    key_schedule result;
    result.needs_new = keys.back().created_at + signing_keys::rotation_period <= now;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        if (keys[i].created_at + signing_keys::publish_delay <= now) result.signer = i;
    }
    const auto last_use = keys[result.signer].created_at + signing_keys::publish_delay;
    if (result.signer > 0 && last_use + signing_keys::retirement_delay <= now) {
        for (std::size_t i = 0; i < result.signer; ++i) result.retired.push_back(i);
    }
    return result;
}

signing_keys::signing_keys(deps deps, signing_options options)
    : deps_(deps), options_(std::move(options)) {}

base::outcome<std::unique_ptr<signing_keys>> signing_keys::make(deps deps,
                                                                signing_options options) {
    auto keys = make_set({options.secret, options.previous_secret});
    if (!keys) return base::pass(std::move(keys));
    auto set = std::move(*keys);
    if (options.secret.empty()) set->keys = {token::jwt_key::make_eddsa("process")};
    set->document = document_of(set->keys);
    std::unique_ptr<signing_keys> result(new signing_keys(deps, std::move(options)));
    result->set_.store(std::move(set));
    return result;
}

base::outcome<std::shared_ptr<signing_key_set>> signing_keys::make_set(
    const std::vector<base::secret>& secrets) {
    auto set = std::make_shared<signing_key_set>();
    for (const auto& secret : secrets) {
        if (secret.empty()) continue;
        auto key = token::jwt_key::make_hs256(id_of_secret(secret), secret);
        if (!key) return base::pass(std::move(key));
        set->keys.push_back(std::move(*key));
    }
    return set;
}

base::outcome<void> signing_keys::use_secret(base::secret secret, base::secret previous) {
    if (options_.secret.empty() || secret.empty()) {
        return base::fail(errc::unsupported,
                          "the start had no shared secret, so a secret needs a restart");
    }
    std::vector<base::secret> secrets{secret};
    for (const auto& older : {previous, options_.secret}) {
        if (std::ranges::find(secrets, older) == secrets.end()) secrets.push_back(older);
    }
    auto set = make_set(secrets);
    if (!set) return base::pass(std::move(set));
    (*set)->document = document_of((*set)->keys);
    options_.secret = std::move(secret);
    options_.previous_secret = std::move(previous);
    set_.store(std::move(*set));
    return base::ok();
}

aio::task<std::vector<signing_keys::loaded_key>> signing_keys::read() {
    std::vector<loaded_key> loaded;
    auto visited = co_await visit_documents(
        deps_.store, collection, [&](const ports::document& document) -> base::outcome<void> {
            const auto object = json::parse_object(document.body);
            const auto created_at = base::from_rfc3339(json::text_at(object, "created_at"));
            if (json::number_at(object, "v") != format_version || !created_at) {
                return base::fail(errc::corrupt,
                                  fmt::format("signing key {} cannot be read", document.id));
            }
            std::string sealed(json::text_at(object, "sealed"));
            const auto pem = options_.sealer->open(sealed, purpose_of(document.id));
            if (!pem) return base::pass(pem, fmt::format("signing key {}", document.id));
            auto key = token::jwt_key::read_eddsa(document.id, *pem);
            if (!key) return base::pass(std::move(key), document.id);
            loaded.push_back({.record = {.id = document.id, .created_at = *created_at},
                              .key = std::move(*key),
                              .sealed = std::move(sealed)});
            return base::ok();
        });
    if (!visited) co_return base::pass(std::move(visited));
    std::ranges::sort(loaded, {}, [](const loaded_key& entry) { return entry.record.created_at; });
    co_return loaded;
}

aio::task<> signing_keys::add(std::size_t number) {
    const auto id = fmt::format("{}{:06}", id_prefix, number);
    const auto key = token::jwt_key::make_eddsa(id);
    const auto sealed = options_.sealer->seal(key.private_pem(), purpose_of(id));
    auto stored = co_await deps_.store.put(
        {.collection = collection,
         .content = {.id = id, .body = encode(sealed, deps_.clock.utc_now())}});
    if (stored) {
        deps_.log.info("signing_key_created", {{"key", id}});
    } else if (stored.error().code != errc::precondition) {  // another process was first
        co_return base::pass(std::move(stored), "store a signing key");
    }
    co_return base::ok();
}

void signing_keys::publish(const std::vector<loaded_key>& loaded, const key_schedule& schedule) {
    auto set = std::make_shared<signing_key_set>();
    for (std::size_t i = 0; i < loaded.size(); ++i) {
        if (std::ranges::find(schedule.retired, i) != schedule.retired.end()) continue;
        if (i == schedule.signer) set->signer = set->keys.size();
        set->keys.push_back(loaded[i].key);
    }
    set->document = document_of(set->keys);
    set_.store(std::move(set));
}

aio::task<> signing_keys::refresh() {
    if (!options_.secret.empty() || !options_.sealer) co_return base::ok();
    for (int round = 0; round < 2; ++round) {
        auto loaded = co_await read();
        if (!loaded) co_return base::pass(std::move(loaded));
        std::vector<stored_signing_key> records;
        for (const auto& entry : *loaded) records.push_back(entry.record);
        const auto schedule = records.empty() ? key_schedule{.needs_new = true}
                                              : schedule_of(records, deps_.clock.utc_now());
        if (schedule.needs_new && round == 0) {
            auto added = co_await add(records.empty() ? 1 : number_of(records.back().id) + 1);
            if (!added) co_return added;
            continue;
        }
        if (records.empty()) co_return base::fail(errc::unavailable, "there is no signing key");
        publish(*loaded, schedule);
        for (const auto index : schedule.retired) {
            auto removed =
                co_await deps_.store.remove({.collection = collection, .id = records[index].id});
            if (!removed) co_return base::pass(std::move(removed), "delete a signing key");
            deps_.log.info("signing_key_retired", {{"key", records[index].id}});
        }
        for (const auto& entry : *loaded) {
            if (!options_.sealer->needs_reseal(entry.sealed)) continue;
            const auto sealed =
                options_.sealer->seal(entry.key.private_pem(), purpose_of(entry.record.id));
            auto document = co_await deps_.store.get(collection, entry.record.id);
            if (!document) continue;
            (void)co_await deps_.store.put(
                {.collection = collection,
                 .content = {.id = entry.record.id,
                             .body = encode(sealed, entry.record.created_at)},
                 .expected = document->revision});
        }
        co_return base::ok();
    }
    co_return base::ok();
}

}  // namespace app
