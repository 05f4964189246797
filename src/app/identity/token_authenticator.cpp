#include "app/identity/token_authenticator.hpp"

#include <algorithm>

#include "app/identity/session_record.hpp"
#include "app/session_commands.hpp"
#include "base/ascii.hpp"

namespace app {
namespace {

using base::errc;

constexpr std::chrono::seconds skew{60};
constexpr const char* expired_text = "the access token has expired; refresh it";
constexpr const char* invalid_text =
    "the credential is neither an API key nor a valid access token";

// The reason is for the log, the text for the client.
std::unexpected<base::failure> deny(const char* text, std::string reason) {
    return base::fail(errc::denied, text, std::move(reason));
}

// Returns whether the platform writes ids of this form, so that a token of another program with the
// same secret is rejected.
bool has_own_ids(const token::jwt_claims& claims) noexcept {
    return is_random_id(claims.session, session_id_length) &&
           is_random_id(claims.id, access_token_id_length);
}

}  // namespace

base::outcome<token_authenticator::shared_token> token_authenticator::verify(
    std::string_view text) const {
    // Before the digest, which reads the whole text.
    if (text.size() > token::jwt_bytes_max) return deny("the access token is too long", "too_long");
    const auto digest = token::sha256(text);
    auto& slot = slot_of(digest);
    const auto keys = deps_.keys.keys();
    const auto now = deps_.clock.utc_now();
    auto present = slot.load();
    if (present && present->digest == digest && present->keys == keys) {
        if (now < present->claims.expires_at + skew) return present;
        return deny(expired_text, "expired");
    }
    const auto& issuer = deps_.keys.issuer();
    auto claims = token::verify_jwt(text, {.keys = keys->keys,
                                           .issuer = issuer,
                                           .audience = issuer,
                                           .now = now,
                                           .skew = skew,
                                           .lifetime_max = session_commands::access_lifetime});
    if (!claims) {
        const auto& reason = claims.error().reason;
        return deny(reason == "expired" ? expired_text : invalid_text, reason);
    }
    if (!has_own_ids(*claims)) return deny(invalid_text, "claims");
    auto result = std::make_shared<const verified_token>(
        verified_token{.digest = digest, .claims = std::move(*claims), .keys = keys});
    slot.store(result);
    return result;
}

std::size_t token_authenticator::size() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(cache_, [](const slot& entry) { return entry.load() != nullptr; }));
}

base::outcome<shared_principal> token_authenticator::authenticate(
    const ports::authentication_request& request) const {
    constexpr std::string_view scheme = "Bearer ";
    const auto text = request.authorization.substr(scheme.size());
    const auto verified = verify(text);
    if (!verified) return base::pass(verified);
    const auto& claims = (*verified)->claims;
    const auto index = deps_.users.users();
    const auto user = index->find(claims.subject);
    const bool is_active = user != index->end() &&
                           user->second.record->state == domain::user_state::active &&
                           user->second.record->session_epoch == claims.epoch;
    if (!is_active || deps_.ended.contains(claims.session)) {
        return deny("the session has ended; log in again", "session_ended");
    }
    if ((*verified)->user == user->second.caller) return (*verified)->caller;
    // The first request of the token, or the roles of the user have changed.
    auto caller = *user->second.caller;
    caller.credential = "session:" + claims.session;
    auto renewed = **verified;
    renewed.user = user->second.caller;
    renewed.caller = std::make_shared<const domain::principal>(std::move(caller));
    auto result = renewed.caller;
    slot_of(renewed.digest).store(std::make_shared<const verified_token>(std::move(renewed)));
    return result;
}

}  // namespace app
