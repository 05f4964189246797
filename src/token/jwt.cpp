#include "token/jwt.hpp"

#include <algorithm>

#include "base/base64.hpp"
#include "json/json_access.hpp"
#include "json/json_writer.hpp"
#include "token/issuer_jwt.hpp"
#include "token/jwt_parts.hpp"
#include "token/jwt_signature.hpp"

namespace token {
namespace {

// Finds the key by the id in the header alone. The header's other ways to name a key (jku, jwk,
// x5u, x5c) are not read.
base::outcome<const jwt_key*> key_of(const json::object& header, std::span<const jwt_key> keys) {
    if (header.contains("crit")) return reject("malformed");
    const auto id = json::text_at(header, "kid");
    const auto key = std::ranges::find(keys, id, &jwt_key::id);
    if (key == keys.end()) return reject("key");
    if (json::text_at(header, "alg") != name(key->algorithm())) return reject("algorithm");
    if (json::text_at(header, "typ") != access_token_type) return reject("type");
    return &*key;
}

base::outcome<jwt_claims> check_claims(const json::object& claims,
                                       const jwt_expectation& expected) {
    if (json::text_at(claims, "iss") != expected.issuer) return reject("issuer");
    if (!has_audience(claims, expected.audience)) return reject("audience");
    const auto issued_at = time_at(claims, "iat");
    const auto expires_at = time_at(claims, "exp");
    const auto subject = json::text_at(claims, "sub");
    const auto id = json::text_at(claims, "jti");
    if (!issued_at || !expires_at || subject.empty() || id.empty()) return reject("claims");
    auto not_before = issued_at;
    if (claims.contains("nbf")) not_before = time_at(claims, "nbf");
    if (!not_before) return reject("claims");
    const auto now = seconds_of(expected.now);
    const auto skew = expected.skew.count();
    if (now >= *expires_at + skew) return reject("expired");
    if (std::max(*not_before, *issued_at) > now + skew) return reject("not_yet_valid");
    if (*expires_at - *issued_at > expected.lifetime_max.count()) return reject("lifetime");
    const auto session = json::text_at(claims, "sid");
    const auto epoch = json::number_at(claims, "epoch");
    if (!session.empty() && !epoch) return reject("claims");
    return jwt_claims{.issuer = std::string(expected.issuer),
                      .audience = std::string(expected.audience),
                      .subject = std::string(subject),
                      .id = std::string(id),
                      .session = std::string(session),
                      .epoch = epoch.value_or(0),
                      .issued_at = base::instant(std::chrono::seconds(*issued_at)),
                      .expires_at = base::instant(std::chrono::seconds(*expires_at))};
}

}  // namespace

std::string sign_jwt(const jwt_key& key, const jwt_claims& claims) {
    std::string header;
    json::writer header_out(header);
    header_out.begin_object().member("typ", access_token_type).member("alg", name(key.algorithm()));
    header_out.member("kid", key.id()).end_object();
    std::string body;
    json::writer out(body);
    out.begin_object().member("iss", claims.issuer).member("aud", claims.audience);
    out.member("sub", claims.subject).member("jti", claims.id);
    if (!claims.session.empty()) out.member("sid", claims.session).member("epoch", claims.epoch);
    out.member("iat", seconds_of(claims.issued_at));
    out.member("nbf", seconds_of(claims.issued_at));
    out.member("exp", seconds_of(claims.expires_at)).end_object();
    auto text = base::to_base64_url(header) + "." + base::to_base64_url(body);
    text += "." + base::to_base64_url(signature_of(key, text));
    return text;
}

base::outcome<jwt_claims> verify_jwt(std::string_view text, const jwt_expectation& expected) {
    if (text.size() > jwt_bytes_max) return reject("too_long");
    const auto parts = split_jwt(text);
    if (!parts) return reject("malformed");
    const auto header = object_of_jwt_part(parts->header);
    if (!header) return reject("malformed");
    const auto key = key_of(*header, expected.keys);
    if (!key) return base::pass(key);
    const auto signature = decode_jwt_part(parts->signature);
    if (!signature) return reject("malformed");
    if (!is_signature(**key, parts->signed_text, *signature)) return reject("signature");
    const auto claims =
        object_of_jwt_part(parts->claims);  // parsed after the signature has been verified
    if (!claims) return reject("malformed");
    return check_claims(*claims, expected);
}

}  // namespace token
