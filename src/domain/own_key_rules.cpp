#include "domain/own_key_rules.hpp"

#include "domain/text_rules.hpp"

namespace domain {
namespace {

using base::errc;

// A session of a person that an issuer has authenticated is no such token.
bool is_token_of_issuer(const principal& caller) noexcept {
    return caller.credential.starts_with("oidc:");
}

}  // namespace

base::outcome<void> check_own_key(std::string_view subject_of_key, const principal& caller) {
    if (is_service_account(caller.subject)) {
        return base::fail(errc::denied,
                          "a Kubernetes service account calls with its tokens: a key would stay "
                          "valid after the account is deleted; an owner of the project can "
                          "create a service account of the platform, and its keys");
    }
    if (subject_of_key == caller.subject && is_token_of_issuer(caller)) {
        return base::fail(errc::denied,
                          "an access token of an issuer creates and changes no API key of its "
                          "subject: the secret would stay valid after the issuer has ended the "
                          "access; log in to the "
                          "platform and use the session, or create a service account of the "
                          "platform, and its keys");
    }
    return base::ok();
}

}  // namespace domain
