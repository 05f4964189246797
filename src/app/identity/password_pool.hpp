#pragma once
// Hashes and verifies passwords on separate low-priority threads, so that a flood of logins
// delays other logins alone. The queue is bounded. Usable on every loop; outlives its callers.

#include <string>

#include "aio/aio.hpp"
#include "base/secret.hpp"
#include "token/password.hpp"

namespace app {

struct password_pool_options {
    token::password_parameters parameters{};
    std::size_t threads = 1;
    std::size_t queue_max = 32;
};

class password_pool {
  public:
    explicit password_pool(password_pool_options options = {});

    // Errors: unavailable (login_queue_full), invalid (the password is too long).
    aio::task<std::string> hash(base::secret password);
    // Returns whether the password has the hash. An empty hash stands for a missing user: it costs
    // the same time and never matches. Errors: as hash(); corrupt.
    aio::task<bool> verify(base::secret password, std::string hash);
    [[nodiscard]] bool needs_rehash(const std::string& hash) const {
        return hasher_.needs_rehash(hash);
    }

    // Returns the number of hashes that were begun.
    [[nodiscard]] std::uint64_t runs() const noexcept { return hasher_.runs(); }

  private:
    token::password_hasher hasher_;
    aio::blocking_pool threads_;  // after hasher_, which its work uses
};

}  // namespace app
