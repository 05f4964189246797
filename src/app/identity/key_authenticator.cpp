#include "app/identity/key_authenticator.hpp"

#include "base/ascii.hpp"
#include "token/api_key.hpp"

namespace app {
namespace {

std::unexpected<base::failure> deny(const char* text) {
    return base::fail(base::errc::denied, text, "unauthenticated");
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
    // An unknown id costs the same time as a wrong secret.
    constexpr token::sha256_digest no_digest{};
    const bool is_match =
        token::matches(text, entry == index->end() ? no_digest : entry->second.digest);
    if (entry == index->end() || !is_match) return deny("there is no such API key");
    switch (domain::state_of(*entry->second.record, clock_.utc_now())) {
        case domain::api_key_state::revoked:
            return deny("the API key is revoked");
        case domain::api_key_state::expired:
            return deny("the API key has expired");
        case domain::api_key_state::active:
            break;
    }
    return entry->second.caller;
}

}  // namespace app
