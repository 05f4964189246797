#include "token/password.hpp"

#include <argon2.h>
#include <openssl/rand.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <string_view>

namespace token {
namespace {

using base::errc;

constexpr std::size_t salt_bytes = 16;
constexpr std::size_t hash_bytes = 32;
constexpr std::uint32_t lanes = 1;
// Bounds of stored parameters, because a record of the store must not exhaust the memory.
constexpr std::uint32_t memory_kibibytes_max = 256U * 1024U;
constexpr std::uint32_t passes_max = 16;

struct cost {
    std::uint32_t memory_kibibytes = 0;
    std::uint32_t passes = 0;
};

bool read_number(std::string_view& text, std::string_view prefix, std::uint32_t& out) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc()) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return true;
}

// Reads "$argon2id$v=19$m=19456,t=2,p=1$...".
std::optional<cost> cost_of(std::string_view hash) {
    cost result;
    std::uint32_t hash_lanes = 0;
    const bool is_read = read_number(hash, "$argon2id$v=19$m=", result.memory_kibibytes) &&
                         read_number(hash, ",t=", result.passes) &&
                         read_number(hash, ",p=", hash_lanes) && hash.starts_with('$');
    const bool is_bounded = result.memory_kibibytes <= memory_kibibytes_max &&
                            result.passes <= passes_max && hash_lanes == lanes;
    if (!is_read || !is_bounded) return std::nullopt;
    return result;
}

}  // namespace

// Counts one hash that is running.
class password_hasher::turn {
  public:
    explicit turn(password_hasher& owner)
        : owner_(owner), is_admitted_(owner.running_++ < owner.parameters_.concurrent_max) {
        if (is_admitted_) ++owner.runs_;
    }
    ~turn() { --owner_.running_; }
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;
    // Errors: those of hash().
    [[nodiscard]] base::outcome<void> check(const base::secret& password) const {
        if (password.reveal().size() > password_bytes_max) {
            return base::fail(errc::invalid, "password: must have at most 1024 bytes");
        }
        if (is_admitted_) return base::ok();
        return base::fail(errc::unavailable, "too many passwords are being verified; try again");
    }

  private:
    password_hasher& owner_;
    bool is_admitted_;
};

base::outcome<std::string> password_hasher::hash(const base::secret& password) {
    const turn turn(*this);
    if (auto checked = turn.check(password); !checked) return base::pass(std::move(checked));
    std::array<unsigned char, salt_bytes> salt{};
    if (RAND_bytes(salt.data(), static_cast<int>(salt.size())) != 1) std::abort();
    std::string text(argon2_encodedlen(parameters_.passes, parameters_.memory_kibibytes, lanes,
                                       salt_bytes, hash_bytes, Argon2_id),
                     '\0');
    const auto& bytes = password.reveal();
    const auto code = argon2id_hash_encoded(parameters_.passes, parameters_.memory_kibibytes, lanes,
                                            bytes.data(), bytes.size(), salt.data(), salt.size(),
                                            hash_bytes, text.data(), text.size());
    if (code != ARGON2_OK) return base::fail(errc::unavailable, "no memory for a password hash");
    text.resize(text.find('\0'));
    return text;
}

base::outcome<bool> password_hasher::verify(const base::secret& password, const std::string& hash) {
    if (hash.empty()) {
        auto ignored = this->hash(password);
        if (!ignored) return base::pass(std::move(ignored));
        return false;
    }
    const turn turn(*this);
    if (auto checked = turn.check(password); !checked) return base::pass(std::move(checked));
    if (!cost_of(hash)) return base::fail(errc::corrupt, "the password hash cannot be read");
    const auto& bytes = password.reveal();
    const auto code = argon2id_verify(hash.c_str(), bytes.data(), bytes.size());
    if (code == ARGON2_OK) return true;
    if (code == ARGON2_VERIFY_MISMATCH) return false;
    if (code == ARGON2_MEMORY_ALLOCATION_ERROR) {
        return base::fail(errc::unavailable, "no memory for a password hash");
    }
    return base::fail(errc::corrupt, "the password hash cannot be read");
}

bool password_hasher::needs_rehash(const std::string& hash) const {
    const auto cost = cost_of(hash);
    return !cost || cost->memory_kibibytes < parameters_.memory_kibibytes ||
           cost->passes < parameters_.passes;
}

}  // namespace token
