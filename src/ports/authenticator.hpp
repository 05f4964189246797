#pragma once
// Authentication: turns the credential of a request into a principal. The adapter is shared by all
// HTTP loops and outlives the server. Fake: test/support/fake_authenticator.hpp.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "aio/task.hpp"
#include "base/failure.hpp"
#include "domain/access.hpp"

namespace ports {

struct authentication_request {
    std::string_view authorization;  // value of the Authorization header; empty if absent
    std::string_view client;         // "127.0.0.1:40312"
    // Of the client behind trusted proxies, without a port: "127.0.0.1". Empty if unknown.
    std::string_view address{};
};

// Causes of failures of an authenticator (base/cause.hpp).
enum class authentication_cause : std::uint8_t {
    needs_lookup,  // another system must verify the credential first: credential_lookup
};
[[nodiscard]] constexpr std::string_view name(authentication_cause value) noexcept {
    switch (value) {
        case authentication_cause::needs_lookup:
            return "needs_lookup";
    }
    return "";
}

class authenticator {
  public:
    authenticator() = default;
    authenticator(const authenticator&) = delete;
    authenticator& operator=(const authenticator&) = delete;
    virtual ~authenticator() = default;

    // Returns the principal, never null. Runs for every request that is not public, so it must not
    // block: an adapter must cache what it looks up elsewhere. Errors: denied (missing or invalid
    // credential), unavailable (also needs_lookup). Thread: any.
    [[nodiscard]] virtual base::outcome<std::shared_ptr<const domain::principal>> authenticate(
        const authentication_request& request) const = 0;
};

// The part of authentication that waits for another system.
class credential_lookup {
  public:
    credential_lookup() = default;
    credential_lookup(const credential_lookup&) = delete;
    credential_lookup& operator=(const credential_lookup&) = delete;
    virtual ~credential_lookup() = default;

    // Verifies a credential for which authenticate() failed with needs_lookup. After a success,
    // authenticate() returns its principal or denies it. Ends within a few seconds. Errors:
    // unavailable. Thread: the control loop.
    virtual aio::task<> look_up(std::string authorization) = 0;
};

}  // namespace ports
