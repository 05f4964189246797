#pragma once
// Verifies tokens that another system has issued, such as the API server of the cluster. Adapters:
// kubedb, oidc. Fake: test/support/fake_token_verifier.hpp. Contract suite:
// test/support/token_verifier_contract.hpp.

#include <set>
#include <string>
#include <string_view>

#include "aio/task.hpp"
#include "base/clock.hpp"
#include "base/secret.hpp"
#include "domain/access.hpp"

namespace ports {

struct verified_identity {
    std::string subject;
    std::string credential;      // its kind for the log: "kubernetes"; never a part of the token
    base::instant expires_at{};  // of the token
    // From the token, in addition to the roles that the platform has granted to the subject. A role
    // that does not exist has no permissions.
    domain::role_names roles{};
    bool is_administrator = false;
    // The projects whose roles the issuer decides: a role that it granted at a login and that is
    // not in `roles` does not apply to the token.
    std::set<std::string, std::less<>> managed_projects{};
    // The token alone decides whether its subject is an administrator.
    bool manages_administrators = false;
};

class token_verifier {
  public:
    token_verifier() = default;
    token_verifier(const token_verifier&) = delete;
    token_verifier& operator=(const token_verifier&) = delete;
    virtual ~token_verifier() = default;

    // Returns whether the text claims to be a token for this verifier. It reads claims before
    // they are verified, so that other texts cost no call. Thread: any.
    [[nodiscard]] virtual bool recognizes(std::string_view text) const = 0;
    // Verifies a token. Errors: denied (an invalid token), unavailable and timed_out (the other
    // system did not respond, or it rejects the platform). Thread: the adapter's loop.
    virtual aio::task<verified_identity> verify(base::secret text) = 0;
};

}  // namespace ports
