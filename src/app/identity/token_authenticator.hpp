#pragma once
// Authentication by access token. Verified tokens are kept by their digest, so that a request costs
// one SHA-256 and no I/O. Owned by the service; usable on every thread.

#include <array>
#include <memory>

#include "app/identity/ended_sessions.hpp"
#include "app/identity/signing_keys.hpp"
#include "app/user_commands.hpp"
#include "base/atomic_shared_ptr.hpp"
#include "base/clock.hpp"
#include "ports/authenticator.hpp"
#include "token/digest.hpp"

namespace app {

class token_authenticator final : public ports::authenticator {
  public:
    struct deps {
        const user_commands& users;
        const signing_keys& keys;
        const ended_sessions& ended;
        const base::clock& clock;
    };
    explicit token_authenticator(deps deps) : deps_(deps) {}

    [[nodiscard]] base::outcome<shared_principal> authenticate(
        const ports::authentication_request& request) const override;

    // Returns the number of verified tokens in memory, which is at most `slots`.
    [[nodiscard]] std::size_t size() const;

    static constexpr std::size_t slots = 1024;

  private:
    struct verified_token {
        token::sha256_digest digest{};
        token::jwt_claims claims;
        std::shared_ptr<const signing_key_set> keys;  // the keys that verified it
        shared_principal user;                        // of the user when `caller` was made
        shared_principal caller;                      // `user` with the credential
    };
    using shared_token = std::shared_ptr<const verified_token>;

    using slot = base::atomic_shared_ptr<const verified_token>;

    [[nodiscard]] slot& slot_of(const token::sha256_digest& digest) const noexcept {
        return cache_[(std::size_t(digest[0]) | std::size_t(digest[1]) << 8U) % slots];
    }
    // Returns the claims, from the cache if it has them.
    [[nodiscard]] base::outcome<shared_token> verify(std::string_view text) const;

    deps deps_;
    // By the first bits of the digest; a newer token replaces an older one.
    mutable std::array<slot, slots> cache_;
};

}  // namespace app
