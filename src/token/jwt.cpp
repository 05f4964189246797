#include "token/jwt.hpp"

#include <algorithm>
#include <optional>

#include "base/base64.hpp"
#include "json/duplicate_keys.hpp"
#include "json/json_access.hpp"
#include "json/json_writer.hpp"
#include "token/jwt_signature.hpp"

namespace token {
namespace {

std::unexpected<base::failure> reject(std::string_view reason) {
    return base::fail(base::errc::denied, "the token is not valid", std::string(reason));
}

std::int64_t seconds_of(base::instant instant) {
    return std::chrono::floor<std::chrono::seconds>(instant).time_since_epoch().count();
}

// Decodes base64url in its only spelling: no padding, no white space, no unused bits.
std::optional<std::string> decode_part(std::string_view text) {
    auto bytes = base::from_base64(text);
    if (!bytes || base::to_base64_url(*bytes) != text) return std::nullopt;
    return bytes;
}

// Returns the object of a part. Parsers differ in the meaning of duplicate members, so a part with
// duplicates is no object.
std::optional<json::object> object_of(std::string_view part) {
    const auto text = decode_part(part);
    if (!text || json::find_duplicate_key(*text)) return std::nullopt;
    auto value = json::try_parse(*text);
    if (!value || !value->is_object()) return std::nullopt;
    return std::move(value->get_object());
}

struct parts {
    std::string_view header;
    std::string_view claims;
    std::string_view signature;
    std::string_view signed_text;
};

std::optional<parts> split(std::string_view text) {
    const auto first = text.find('.');
    if (first == std::string_view::npos) return std::nullopt;
    const auto second = text.find('.', first + 1);
    if (second == std::string_view::npos) return std::nullopt;
    if (text.find('.', second + 1) != std::string_view::npos) return std::nullopt;
    return parts{.header = text.substr(0, first),
                 .claims = text.substr(first + 1, second - first - 1),
                 .signature = text.substr(second + 1),
                 .signed_text = text.substr(0, second)};
}

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

bool has_audience(const json::object& claims, std::string_view audience) {
    const auto* member = claims.if_contains("aud");
    if (member == nullptr) return false;
    if (member->is_string()) return std::string_view(member->get_string()) == audience;
    if (!member->is_array()) return false;
    return std::ranges::any_of(member->get_array(), [&](const json::value& item) {
        return item.is_string() && std::string_view(item.get_string()) == audience;
    });
}

// 253402300800 is the first second of the year 10000.
std::optional<std::int64_t> time_at(const json::object& claims, std::string_view key) {
    constexpr std::int64_t seconds_max = 253402300800;
    const auto seconds = json::number_at(claims, key);
    if (!seconds || *seconds < 0 || *seconds >= seconds_max) return std::nullopt;
    return seconds;
}

base::outcome<jwt_claims> check_claims(const json::object& claims,
                                       const jwt_expectation& expected) {
    if (json::text_at(claims, "iss") != expected.issuer) return reject("issuer");
    if (!has_audience(claims, expected.audience)) return reject("audience");
    const auto issued_at = time_at(claims, "iat");
    const auto expires_at = time_at(claims, "exp");
    const auto subject = json::text_at(claims, "sub");
    if (!issued_at || !expires_at || subject.empty()) return reject("claims");
    auto not_before = issued_at;
    if (claims.contains("nbf")) not_before = time_at(claims, "nbf");
    if (!not_before) return reject("claims");
    const auto now = seconds_of(expected.now);
    const auto skew = expected.skew.count();
    if (now >= *expires_at + skew) return reject("expired");
    if (std::max(*not_before, *issued_at) > now + skew) return reject("not_yet_valid");
    return jwt_claims{.issuer = std::string(expected.issuer),
                      .audience = std::string(expected.audience),
                      .subject = std::string(subject),
                      .id = std::string(json::text_at(claims, "jti")),
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
    out.member("iat", seconds_of(claims.issued_at));
    out.member("exp", seconds_of(claims.expires_at)).end_object();
    auto text = base::to_base64_url(header) + "." + base::to_base64_url(body);
    text += "." + base::to_base64_url(signature_of(key, text));
    return text;
}

base::outcome<jwt_claims> verify_jwt(std::string_view text, const jwt_expectation& expected) {
    if (text.size() > jwt_bytes_max) return reject("too_long");
    const auto parts = split(text);
    if (!parts) return reject("malformed");
    const auto header = object_of(parts->header);
    if (!header) return reject("malformed");
    const auto key = key_of(*header, expected.keys);
    if (!key) return base::pass(key);
    const auto signature = decode_part(parts->signature);
    if (!signature) return reject("malformed");
    if (!is_signature(**key, parts->signed_text, *signature)) return reject("signature");
    const auto claims = object_of(parts->claims);  // parsed after the signature has been verified
    if (!claims) return reject("malformed");
    return check_claims(*claims, expected);
}

}  // namespace token
