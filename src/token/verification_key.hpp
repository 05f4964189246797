#pragma once
// Public keys of other issuers, read from JSON Web Keys (RFC 7517): RSA with RS256 and P-256 with
// ES256 (RFC 7518). A key fixes its algorithm. Immutable values. Thread-safe.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"
#include "json/json.hpp"

namespace token {

enum class verification_algorithm : std::uint8_t { rs256, es256 };
// "RS256", "ES256".
std::string_view name(verification_algorithm algorithm) noexcept;

inline constexpr std::size_t key_set_bytes_max = std::size_t{256} * 1024;
inline constexpr std::size_t key_set_keys_max = 64;
inline constexpr std::size_t key_id_bytes_max = 256;
inline constexpr int rsa_bits_min = 2048;  // RFC 7518, 3.3
inline constexpr int rsa_bits_max = 4096;

class verification_key {
  public:
    // Errors: unsupported (another type, curve or algorithm, or a key for encryption), invalid (a
    // missing or malformed member, an RSA key outside of the bounds, an exponent below 65537, a
    // point that is not on the curve).
    static base::outcome<verification_key> read(const json::object& jwk);

    [[nodiscard]] const std::string& id() const noexcept { return id_; }  // may be empty
    [[nodiscard]] verification_algorithm algorithm() const noexcept { return algorithm_; }
    [[nodiscard]] bool is_signature(std::string_view text, std::string_view signature) const;

  private:
    struct material;
    verification_key(std::string id, verification_algorithm algorithm,
                     std::shared_ptr<const material> content)
        : id_(std::move(id)), algorithm_(algorithm), material_(std::move(content)) {}

    std::string id_;
    verification_algorithm algorithm_;
    std::shared_ptr<const material> material_;  // shared by the copies of the key; immutable
};

// Returns the usable keys of a JSON Web Key Set. Keys that read() rejects are left out, and so is
// every key whose id occurs twice. Errors: corrupt (no key set, too long, or too many keys).
base::outcome<std::vector<verification_key>> read_key_set(std::string_view text);

}  // namespace token
