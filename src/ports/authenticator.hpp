#pragma once
// Authentication: turns the credential of a request into a principal. The adapter is shared by all
// HTTP loops and outlives the server. Fake: test/support/fake_authenticator.hpp.

#include <memory>
#include <string_view>

#include "base/failure.hpp"
#include "domain/access.hpp"

namespace ports {

struct authentication_request {
    std::string_view authorization;  // value of the Authorization header; empty if absent
    std::string_view client;         // "127.0.0.1:40312"
};

class authenticator {
  public:
    authenticator() = default;
    authenticator(const authenticator&) = delete;
    authenticator& operator=(const authenticator&) = delete;
    virtual ~authenticator() = default;

    // Returns the principal, never null. Runs for every request that is not public, so it must not
    // block: an adapter must cache what it looks up elsewhere. Errors: denied (missing or invalid
    // credential), unavailable. Thread: any.
    [[nodiscard]] virtual base::outcome<std::shared_ptr<const domain::principal>> authenticate(
        const authentication_request& request) const = 0;
};

}  // namespace ports
