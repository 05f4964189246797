#pragma once
// Password hashing with argon2id (RFC 9106). A hash takes tens of milliseconds and megabytes of
// memory on purpose, so callers run it on a blocking pool. The object bounds the hashes that run at
// the same time. Thread-safe.

#include <atomic>
#include <cstdint>
#include <string>

#include "base/failure.hpp"
#include "base/secret.hpp"

namespace token {

struct password_parameters {
    std::uint32_t memory_kibibytes = 19U * 1024U;  // the smallest set that OWASP recommends
    std::uint32_t passes = 2;
    std::uint32_t concurrent_max = 2;
};

class password_hasher {
  public:
    explicit password_hasher(password_parameters parameters = {}) : parameters_(parameters) {}

    // Returns the hash with its parameters and a random salt ("$argon2id$v=19$..."). Errors:
    // invalid (longer than password_bytes_max), unavailable (too many hashes at the same time).
    [[nodiscard]] base::outcome<std::string> hash(const base::secret& password);
    // Returns whether the password has the hash. An empty hash stands for an unknown user: it costs
    // the same time and never matches. Errors: as hash(); corrupt (not a hash of argon2id, or one
    // that needs more memory or passes than the limits).
    [[nodiscard]] base::outcome<bool> verify(const base::secret& password, const std::string& hash);
    // Returns whether the hash has weaker parameters than this object.
    [[nodiscard]] bool needs_rehash(const std::string& hash) const;
    // Returns the number of hashes that were begun.
    [[nodiscard]] std::uint64_t runs() const noexcept { return runs_; }

    static constexpr std::size_t password_bytes_max = 1024;

  private:
    class turn;
    password_parameters parameters_;
    std::atomic<std::uint32_t> running_{0};
    std::atomic<std::uint64_t> runs_{0};
};

}  // namespace token
