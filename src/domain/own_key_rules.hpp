#pragma once
// Which credentials may create, change or rotate an API key of the subject that they authenticate.
// A token of another system may not: that system ends the access of a subject, of which the
// platform need not know, and a key would outlive it. Pure.

#include <string_view>

#include "base/failure.hpp"
#include "domain/access.hpp"

namespace domain {

// Errors: denied (the caller is a Kubernetes service account; or the credential is an access token
// of an OpenID issuer, and the key has the subject of the caller).
base::outcome<void> check_own_key(std::string_view subject_of_key, const principal& caller);

}  // namespace domain
