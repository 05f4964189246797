#pragma once
// Which credentials may create an API key of the subject that they authenticate. A token of another
// system may not: that system ends the access of a subject, of which the platform need not know,
// and a key would outlive it. Pure.

#include "base/failure.hpp"
#include "domain/api_key_rules.hpp"

namespace domain {

// Errors: denied (the caller is a Kubernetes service account; or the credential is an access token
// of an OpenID issuer, and the key would have the subject of the caller).
base::outcome<void> check_own_key(const api_key_request& wanted, const principal& caller);

}  // namespace domain
