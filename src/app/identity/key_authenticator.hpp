#pragma once
// Authentication by API key: "Authorization: Bearer dbk_...". Reads the published index alone, so a
// request costs one SHA-256, one HMAC and no I/O. Owned by the service; usable on every thread.

#include <cstdint>

#include "app/identity/digest_moves.hpp"
#include "app/key_commands.hpp"
#include "base/clock.hpp"
#include "ports/authenticator.hpp"

namespace app {

class key_authenticator final : public ports::authenticator {
  public:
    // `moves`: receives the secrets of accepted requests; nullptr: none.
    key_authenticator(const key_commands& keys, const base::clock& clock,
                      digest_moves* moves = nullptr)
        : keys_(keys), clock_(clock), moves_(moves) {}

    [[nodiscard]] base::outcome<std::shared_ptr<const domain::principal>> authenticate(
        const ports::authentication_request& request) const override;

  private:
    enum class key_validity : std::uint8_t { counts_as_use, accepted };
    [[nodiscard]] base::outcome<key_validity> check_validity(const known_key& key,
                                                             base::instant now) const;

    const key_commands& keys_;
    const base::clock& clock_;
    digest_moves* const moves_;
};

}  // namespace app
