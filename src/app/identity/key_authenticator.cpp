#include "app/identity/key_authenticator.hpp"

#include <fmt/format.h>

#include "base/ascii.hpp"
#include "domain/service_account_rules.hpp"
#include "token/api_key.hpp"
#include "token/random_secret.hpp"

namespace app {
namespace {

std::unexpected<base::failure> deny(const char* text) {
    return base::fail(base::errc::denied, text, "unauthenticated");
}

std::unexpected<base::failure> deny_expired(std::string text) {
    return base::fail(base::errc::denied, std::move(text), "key_expired");
}

bool matches_previous(const token::sha256_digest& digest, const known_key& key, base::instant now) {
    return key.previous_digest && now < key.record->previous_until &&
           token::matches(digest, *key.previous_digest);
}

// Of no key. An unknown id costs the same time as a wrong secret.
const token::stored_digest& no_digest() {
    static const token::stored_digest digest{
        .key = std::make_shared<const token::digest_key>(token::make_random_secret())};
    return digest;
}

}  // namespace

base::outcome<std::shared_ptr<const domain::principal>> key_authenticator::authenticate(
    const ports::authentication_request& request) const {
    constexpr std::string_view scheme = "Bearer ";
    const auto header = request.authorization;
    if (header.empty()) {
        return deny("a credential is required; send the header Authorization: Bearer API_KEY");
    }
    if (!base::equals_ignore_case(header.substr(0, scheme.size()), scheme)) {
        return deny("the Authorization header must have the bearer scheme and an API key");
    }
    const auto text = header.substr(scheme.size());
    const auto id = token::id_of_api_key(text);
    if (!id) return deny("the credential is not an API key, or it has a typing error");
    const auto index = keys_.keys();
    const auto entry = index->find(*id);
    const auto digest = token::digest_of_api_key(text);
    const bool is_match =
        token::matches(digest, entry == index->end() ? no_digest() : entry->second.digest);
    const auto now = clock_.utc_now();
    if (entry == index->end() || !(is_match || matches_previous(digest, entry->second, now))) {
        return deny("there is no such API key");
    }
    // The same text as without a key, so that the holder of a stolen key does not learn that it is
    // valid elsewhere.
    if (!entry->second.record->limits.allow_address(request.address)) {
        return deny("there is no such API key");
    }
    if (!entry->second.is_subject_active) {
        return deny(domain::account_of_subject(entry->second.record->subject)
                        ? "the service account of the API key is disabled"
                        : "the user of the API key is disabled");
    }
    auto validity = check_validity(entry->second, now);
    if (!validity) return base::pass(std::move(validity));
    if (*validity == key_validity::counts_as_use) entry->second.use->note(now, request.address);
    if (moves_ != nullptr) {
        using kind = digest_moves::secret_kind;
        moves_->note(entry->second, is_match ? kind::present : kind::previous, digest);
    }
    return entry->second.caller;
}

base::outcome<key_authenticator::key_validity> key_authenticator::check_validity(
    const known_key& key, base::instant now) const {
    const auto& record = *key.record;
    if (record.revoked_at) return deny("the API key is revoked");
    if (record.expires_at && *record.expires_at <= now) {
        return deny_expired("the API key has expired");
    }
    const auto deadline = domain::unused_deadline(record, key.last_used_at());
    if (!deadline || now < *deadline) return key_validity::counts_as_use;
    // Another process may have accepted the key before the deadline. A use after the deadline does
    // not count, so every use that counts is known here when the delay has passed.
    const auto end = *deadline + key_commands::use_delay_max;
    if (now < end || keys_.uses_known_until() < end) return key_validity::accepted;
    return deny_expired(
        fmt::format("the API key has expired: it was not used for {} days, its max_unused_days",
                    record.max_unused->duration.count()));
}

}  // namespace app
