#include "app/identity/digest_keys.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/time_text.hpp"
#include "json/json_access.hpp"
#include "token/random_secret.hpp"

namespace app {
namespace {

using base::errc;

constexpr int format_version = 1;
constexpr std::string_view first_id = "dk-000001";

// Returns the id after `id`, in their order.
std::string successor_of(std::string_view id) {
    constexpr std::string_view prefix = "dk-";
    std::uint64_t number = 0;
    const auto digits = id.substr(std::min(prefix.size(), id.size()));
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return fmt::format("{}{:06}", prefix, number + 1);
}

std::string purpose_of(std::string_view id) {
    return fmt::format("digest key {}", id);
}

ports::document document_of(const digest_key_record& record) {
    const json::object body{{"v", format_version},
                            {"created_at", base::to_rfc3339_micro(record.created_at)},
                            {"sealed", record.sealed}};
    return {.id = record.id, .body = json::serialize(body)};
}

}  // namespace

digest_keys::digest_keys(deps deps)
    : deps_(std::move(deps)),
      registry_(deps_.store,
                {.collection = "digest_keys",
                 .encode = document_of,
                 .decode = [this](const ports::document& document) { return decode(document); }}) {
    registry_.on_change([this](const std::vector<std::string>&) { observer_(); });
}

base::outcome<digest_key_record> digest_keys::decode(const ports::document& document) const {
    const auto object = json::parse_object(document.body);
    const auto created_at = base::from_rfc3339(json::text_at(object, "created_at"));
    if (json::number_at(object, "v") != format_version || !created_at) {
        return base::fail(errc::corrupt, fmt::format("digest key {} cannot be read", document.id));
    }
    if (!deps_.sealer) {
        return base::fail(errc::corrupt,
                          fmt::format("digest key {} is sealed with the platform key; set "
                                      "PLATFORM_KEY",
                                      document.id));
    }
    std::string sealed(json::text_at(object, "sealed"));
    const auto secret = deps_.sealer->open(sealed, purpose_of(document.id));
    if (!secret) {
        return base::fail(errc::corrupt,
                          fmt::format("digest key {}: {}", document.id, secret.error().text));
    }
    return digest_key_record{.id = document.id,
                             .created_at = *created_at,
                             .sealed = std::move(sealed),
                             .key = std::make_shared<const token::digest_key>(*secret)};
}

digest_key_record digest_keys::make_record(std::string id) const {
    const auto secret = token::make_random_secret();
    auto sealed = deps_.sealer->seal(secret, purpose_of(id));
    return {.id = std::move(id),
            .created_at = deps_.clock.utc_now(),
            .sealed = std::move(sealed),
            .key = std::make_shared<const token::digest_key>(secret)};
}

aio::task<> digest_keys::add_first() {
    if (!deps_.sealer || newest()) co_return base::ok();
    const std::string id(first_id);
    const auto record = make_record(id);
    auto stored = co_await registry_.put(
        id, [&record](const digest_key_record* present) -> base::outcome<digest_key_record> {
            return present == nullptr ? record : *present;  // another replica was first
        });
    if (!stored) co_return base::pass(std::move(stored), "store the digest key");
    if (stored->is_new) deps_.log.info("digest_key_created", {{"key", id}});
    co_return base::ok();
}

aio::task<std::string> digest_keys::add() {
    if (!deps_.sealer) {
        co_return base::fail(errc::unsupported, "a digest key needs the platform key");
    }
    const auto& present = registry_.records();
    if (present.size() >= keys_max) {
        co_return base::fail(errc::limit,
                             fmt::format("there are {} digest keys already, which is the maximum; "
                                         "remove those without digests",
                                         keys_max));
    }
    auto id = present.empty() ? std::string(first_id) : successor_of(present.rbegin()->first);
    const auto record = make_record(id);
    auto stored = co_await registry_.put(
        id, [&](const digest_key_record* newest) -> base::outcome<digest_key_record> {
            if (newest == nullptr) return record;
            return base::fail(errc::conflict,
                              fmt::format("another process adds the digest key {}", id));
        });
    if (!stored) co_return base::pass(std::move(stored));
    deps_.log.info("digest_key_created", {{"key", id}});
    co_return id;
}

base::outcome<void> digest_keys::check_removal(const std::string& id) const {
    if (!registry_.find(id)) {
        return base::fail(errc::not_found, fmt::format("there is no digest key '{}'", id));
    }
    const auto successor = newest();
    if (successor->id == id) {
        return base::fail(errc::conflict,
                          fmt::format("new digests have the key {}; add another one first", id));
    }
    if (settled()) return base::ok();
    return base::fail(
        errc::conflict,
        fmt::format("every replica knows the digest key {} at {}; remove {} after that",
                    successor->id, base::to_rfc3339(successor->created_at + publish_delay), id));
}

aio::task<> digest_keys::remove(std::string id) {
    auto checked = check_removal(id);
    if (!checked) co_return checked;
    auto removed = co_await registry_.remove(id);
    if (!removed) co_return base::pass(std::move(removed), "delete the digest key");
    deps_.log.info("digest_key_removed", {{"key", id}});
    co_return base::ok();
}

aio::task<> digest_keys::refresh(bool replicas_read_it) {
    if (!deps_.sealer) co_return base::ok();
    if (newest()) co_return co_await seal_again();
    if (!replicas_read_it) {
        readable_since_.reset();
        co_return base::ok();
    }
    const auto now = deps_.clock.now();
    if (!readable_since_) readable_since_ = now;
    if (now - *readable_since_ < settle_time) co_return base::ok();
    co_return co_await add_first();
}

aio::task<> digest_keys::seal_again() {
    const auto records = registry_.records();
    for (const auto& [id, record] : records) {
        if (!deps_.sealer->needs_reseal(record->sealed)) continue;
        auto stored = co_await registry_.put(
            id, [&](const digest_key_record* present) -> base::outcome<digest_key_record> {
                if (present == nullptr) {
                    return base::fail(errc::not_found,
                                      fmt::format("there is no digest key {}", id));
                }
                auto sealed_again = *present;
                const auto secret = deps_.sealer->open(present->sealed, purpose_of(id));
                if (!secret) return base::pass(secret);
                sealed_again.sealed = deps_.sealer->seal(*secret, purpose_of(id));
                return sealed_again;
            });
        if (!stored) co_return base::pass(std::move(stored), "seal a digest key again");
    }
    co_return base::ok();
}

digest_keys::shared_record digest_keys::newest() const {
    const auto& records = registry_.records();
    return records.empty() ? nullptr : records.rbegin()->second;
}

digest_keys::shared_record digest_keys::settled() const {
    auto record = newest();
    const bool is_settled = record && record->created_at + publish_delay <= deps_.clock.utc_now();
    return is_settled ? record : nullptr;
}

std::shared_ptr<const token::digest_key> digest_keys::find(const std::string& id) const {
    const auto record = registry_.find(id);
    return record ? record->key : nullptr;
}

}  // namespace app
