#include "token/issuer_jwt.hpp"

#include <algorithm>

#include "base/ascii.hpp"
#include "json/json_access.hpp"
#include "token/jwt.hpp"
#include "token/jwt_parts.hpp"

namespace token {
namespace {

bool is_accepted_type(const json::object& header, std::span<const std::string_view> types) {
    constexpr std::string_view prefix = "application/";
    auto type = json::text_at(header, "typ");
    if (header.contains("typ") && type.empty()) return false;
    if (base::equals_ignore_case(type.substr(0, prefix.size()), prefix)) {
        type.remove_prefix(prefix.size());
    }
    return std::ranges::any_of(
        types, [&](std::string_view accepted) { return base::equals_ignore_case(type, accepted); });
}

// Finds the key by the id in the header alone. The header's other ways to name a key (jku, jwk,
// x5u, x5c) are not read.
base::outcome<const verification_key*> key_of(const json::object& header,
                                              const issuer_expectation& expected) {
    if (header.contains("crit")) return reject("malformed");
    const auto id = json::text_at(header, "kid");
    if (id.size() > key_id_bytes_max) return reject("malformed");
    if (header.contains("kid") && id.empty()) return reject("malformed");
    const auto& keys = expected.keys;
    auto key = std::ranges::find(keys, id, &verification_key::id);
    if (id.empty()) key = keys.size() == 1 ? keys.begin() : keys.end();
    if (key == keys.end()) return reject("key");
    if (json::text_at(header, "alg") != name(key->algorithm())) return reject("algorithm");
    if (!is_accepted_type(header, expected.types)) return reject("type");
    return &*key;
}

base::outcome<issuer_claims> check_claims(json::object claims, const issuer_expectation& expected) {
    if (json::text_at(claims, "iss") != expected.issuer) return reject("issuer");
    if (!has_audience(claims, expected.audience)) return reject("audience");
    const auto issued_at = time_at(claims, "iat");
    const auto expires_at = time_at(claims, "exp");
    const std::string subject(json::text_at(claims, "sub"));
    if (!issued_at || !expires_at || subject.empty()) return reject("claims");
    auto not_before = issued_at;
    if (claims.contains("nbf")) not_before = time_at(claims, "nbf");
    if (!not_before) return reject("claims");
    const auto now = seconds_of(expected.now);
    const auto skew = expected.skew.count();
    if (now >= *expires_at + skew) return reject("expired");
    if (std::max(*not_before, *issued_at) > now + skew) return reject("not_yet_valid");
    return issuer_claims{.subject = subject,
                         .issued_at = base::instant(std::chrono::seconds(*issued_at)),
                         .expires_at = base::instant(std::chrono::seconds(*expires_at)),
                         .members = std::move(claims)};
}

}  // namespace

base::outcome<issuer_claims> verify_issuer_jwt(std::string_view text,
                                               const issuer_expectation& expected) {
    if (text.size() > jwt_bytes_max) return reject("too_long");
    const auto parts = split_jwt(text);
    if (!parts) return reject("malformed");
    const auto header = object_of_jwt_part(parts->header);
    if (!header) return reject("malformed");
    const auto key = key_of(*header, expected);
    if (!key) return base::pass(key);
    const auto signature = decode_jwt_part(parts->signature);
    if (!signature) return reject("malformed");
    if (!(*key)->is_signature(parts->signed_text, *signature)) return reject("signature");
    auto claims = object_of_jwt_part(parts->claims);  // after the signature has been verified
    if (!claims) return reject("malformed");
    return check_claims(std::move(*claims), expected);
}

std::optional<json::object> unverified_claims(std::string_view text) {
    if (text.size() > jwt_bytes_max) return std::nullopt;
    const auto parts = split_jwt(text);
    if (!parts) return std::nullopt;
    return object_of_jwt_part(parts->claims);
}

bool has_audience(const json::object& claims, std::string_view audience) {
    const auto* member = claims.if_contains("aud");
    if (member == nullptr) return false;
    if (member->is_string()) return std::string_view(member->get_string()) == audience;
    if (!member->is_array()) return false;
    return std::ranges::any_of(member->get_array(), [&](const json::value& item) {
        return item.is_string() && std::string_view(item.get_string()) == audience;
    });
}

}  // namespace token
