#include "oidc/login_state.hpp"

#include <fmt/format.h>

#include <charconv>

#include "base/base64.hpp"
#include "token/digest.hpp"
#include "token/random_secret.hpp"

namespace oidc {
namespace {

constexpr std::size_t secret_length = 43;  // 32 bytes as base64url
constexpr std::chrono::seconds skew{60};   // between replicas

std::string encode(const token::sha256_digest& digest) {
    return base::to_base64_url(
        std::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
}

}  // namespace

base::secret make_pre_login(base::instant now) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
    return base::secret(fmt::format("{}.{}", token::make_random_secret().reveal(), seconds));
}

std::optional<login_state> derive_login(const base::secret& pre_login, std::string_view issuer,
                                        base::instant now) {
    const std::string_view text = pre_login.reveal();
    if (text.size() <= secret_length + 1 || text[secret_length] != '.') return std::nullopt;
    const auto digits = text.substr(secret_length + 1);
    std::int64_t seconds = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    constexpr std::int64_t seconds_max = 253402300800;  // the year 10000
    if (seconds < 0 || seconds >= seconds_max) return std::nullopt;
    const base::instant made_at{std::chrono::seconds(seconds)};
    if (now < made_at - skew || now >= made_at + login_lifetime) return std::nullopt;
    const base::secret key{std::string(text.substr(0, secret_length))};
    const auto derive = [&](std::string_view label) {
        return encode(token::hmac_sha256(key, fmt::format("{}|{}|{}", label, issuer, seconds)));
    };
    return login_state{.state = derive("state"),
                       .nonce = derive("nonce"),
                       .verifier = base::secret(derive("verifier"))};
}

std::string challenge_of(const base::secret& verifier) {
    return encode(token::sha256(verifier.reveal()));
}

}  // namespace oidc
