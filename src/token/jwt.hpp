#pragma once
// JSON Web Tokens (RFC 7519, RFC 9068) signed with HS256 or EdDSA (Ed25519). A key fixes its
// algorithm, and a token cannot choose another one. Keys are immutable values; sign_jwt() and
// verify_jwt() are pure apart from OpenSSL's random source. Thread-safe.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/failure.hpp"
#include "base/secret.hpp"

namespace token {

enum class jwt_algorithm : std::uint8_t { hs256, eddsa };
// "HS256", "EdDSA".
std::string_view name(jwt_algorithm algorithm) noexcept;

inline constexpr std::size_t jwt_bytes_max = 8192;
inline constexpr std::size_t hs256_secret_bytes_min = 32;

class jwt_key {
  public:
    // A key of HS256. Errors: invalid (shorter than hs256_secret_bytes_min).
    static base::outcome<jwt_key> make_hs256(std::string id, const base::secret& secret);
    // A new random key of EdDSA.
    static jwt_key make_eddsa(std::string id);
    // A key of EdDSA from private_pem(). Errors: invalid.
    static base::outcome<jwt_key> read_eddsa(std::string id, const base::secret& private_pem);

    [[nodiscard]] const std::string& id() const noexcept { return id_; }
    [[nodiscard]] jwt_algorithm algorithm() const noexcept { return algorithm_; }
    // Precondition: EdDSA.
    [[nodiscard]] base::secret private_pem() const;
    // The public key as a JSON Web Key (RFC 8037). Precondition: EdDSA.
    [[nodiscard]] std::string public_jwk() const;

  private:
    struct material;
    friend std::string signature_of(const jwt_key& key, std::string_view text);
    friend bool is_signature(const jwt_key& key, std::string_view text, std::string_view signature);
    jwt_key(std::string id, jwt_algorithm algorithm, std::shared_ptr<const material> content)
        : id_(std::move(id)), algorithm_(algorithm), material_(std::move(content)) {}

    std::string id_;
    jwt_algorithm algorithm_;
    std::shared_ptr<const material> material_;  // shared by the copies of the key; immutable
};

struct jwt_claims {
    std::string issuer;
    std::string audience;
    std::string subject;
    std::string id;             // jti
    std::string session{};      // sid
    std::int64_t epoch = 0;     // of the sessions of the subject
    base::instant issued_at{};  // also the first valid instant
    base::instant expires_at{};
    bool operator==(const jwt_claims&) const = default;
};

// The type of access tokens (RFC 9068). An id token has another type and is therefore rejected.
inline constexpr std::string_view access_token_type = "at+jwt";

// Returns the token with the times in whole seconds.
std::string sign_jwt(const jwt_key& key, const jwt_claims& claims);

struct jwt_expectation {
    std::span<const jwt_key> keys;  // the current one and previous ones
    std::string_view issuer;
    std::string_view audience;
    base::instant now{};
    std::chrono::seconds skew{60};  // tolerated difference of the clocks
    // The longest time from issued_at to expires_at that the issuer gives.
    std::chrono::seconds lifetime_max = std::chrono::seconds::max();
};

// Verifies a token and returns its claims. Errors: denied; `reason` is the first check that
// failed: "malformed", "too_long", "algorithm", "key", "type", "signature", "issuer", "audience",
// "expired", "not_yet_valid", "lifetime", "claims". A `sid` needs an `epoch`. No text repeats a
// part of the token.
base::outcome<jwt_claims> verify_jwt(std::string_view text, const jwt_expectation& expected);

}  // namespace token
