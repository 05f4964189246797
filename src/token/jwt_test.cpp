#include "token/jwt.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <vector>

#include "base/base64.hpp"
#include "json/json.hpp"
#include "token/jwt_signature.hpp"

namespace {

using namespace std::chrono_literals;
using token::jwt_key;

constexpr base::instant now{std::chrono::seconds(1'800'000'000)};
const base::secret shared_secret("0123456789abcdef0123456789abcdef");

const jwt_key& hs256_key() {
    static const auto key = jwt_key::make_hs256("k1", shared_secret).value();
    return key;
}
const jwt_key& eddsa_key() {
    static const auto key = jwt_key::make_eddsa("k2");
    return key;
}
const std::vector<jwt_key>& keys() {
    static const std::vector<jwt_key> list{hs256_key(), eddsa_key()};
    return list;
}

token::jwt_claims claims() {
    return {.issuer = "dbaas",
            .audience = "dbaas",
            .subject = "ada",
            .id = "j1",
            .issued_at = now,
            .expires_at = now + 15min};
}

// Returns "" for a valid token, else the reason.
std::string reason_of(std::string_view text, base::instant time = now,
                      std::span<const jwt_key> accepted = keys()) {
    const auto verified = token::verify_jwt(text, {.keys = accepted,
                                                   .issuer = "dbaas",
                                                   .audience = "dbaas",
                                                   .now = time,
                                                   .lifetime_max = 15min});
    if (verified) return "";
    EXPECT_EQ(verified.error().code, base::errc::denied);
    EXPECT_EQ(verified.error().text, "the token is not valid");
    return verified.error().reason;
}

std::string sign(const jwt_key& key, std::string_view header, std::string_view body) {
    auto text = base::to_base64_url(header) + "." + base::to_base64_url(body);
    return text + "." + base::to_base64_url(token::signature_of(key, text));
}

constexpr std::string_view good_header = R"({"typ":"at+jwt","alg":"HS256","kid":"k1"})";
constexpr std::string_view good_body =
    R"({"iss":"dbaas","aud":"dbaas","sub":"ada","jti":"j1","iat":1800000000,"exp":1800000900})";

TEST(jwt, verifies_what_it_signs) {
    for (const auto& key : keys()) {
        const auto text = token::sign_jwt(key, claims());
        const auto verified = token::verify_jwt(
            text, {.keys = keys(), .issuer = "dbaas", .audience = "dbaas", .now = now});
        ASSERT_TRUE(verified) << verified.error().reason;
        EXPECT_EQ(*verified, claims());
    }
    EXPECT_EQ(reason_of(sign(hs256_key(), good_header, good_body)), "");
}

TEST(jwt, rejects_headers_that_choose_algorithm_key_or_type) {
    const auto public_text = eddsa_key().public_jwk();
    const std::pair<std::string, std::string> rows[] = {
        {R"({"typ":"at+jwt","alg":"none","kid":"k1"})", "algorithm"},
        {R"({"typ":"at+jwt","alg":"None","kid":"k1"})", "algorithm"},
        {R"({"typ":"at+jwt","alg":"","kid":"k1"})", "algorithm"},
        {R"({"typ":"at+jwt","alg":null,"kid":"k1"})", "algorithm"},
        {R"({"typ":"at+jwt","kid":"k1"})", "algorithm"},
        {R"({"typ":"at+jwt","alg":"hs256","kid":"k1"})", "algorithm"},
        {R"({"typ":"at+jwt","alg":"HS512","kid":"k1"})", "algorithm"},
        {R"({"typ":"at+jwt","alg":"EdDSA","kid":"k1"})", "algorithm"},
        {R"({"typ":"at+jwt","alg":"HS256","kid":"k2"})", "algorithm"},
        {R"({"typ":"at+jwt","alg":"RS256","kid":"k2"})", "algorithm"},
        {R"({"typ":"at+jwt","alg":"HS256","kid":"k3"})", "key"},
        {R"({"typ":"at+jwt","alg":"HS256","kid":""})", "key"},
        {R"({"typ":"at+jwt","alg":"HS256"})", "key"},
        {R"({"typ":"at+jwt","alg":"HS256","kid":["k1"]})", "key"},
        {R"({"typ":"at+jwt","alg":"HS256","kid":"../../dev/null"})", "key"},
        {R"({"typ":"at+jwt","alg":"HS256","kid":"k1' OR '1'='1"})", "key"},
        {R"({"typ":"at+jwt","alg":"HS256","kid":"k1\u0000"})", "key"},
        {R"({"typ":"at+jwt","alg":"EdDSA","kid":"own","jwk":)" + public_text + "}", "key"},
        {R"({"typ":"at+jwt","alg":"EdDSA","kid":"own","jku":"https://x.example"})", "key"},
        {R"({"typ":"JWT","alg":"HS256","kid":"k1"})", "type"},
        {R"({"alg":"HS256","kid":"k1"})", "type"},
        {R"({"typ":"at+jwt","alg":"HS256","kid":"k1","crit":["b64"],"b64":false})", "malformed"},
        {R"({"typ":"at+jwt","alg":"HS256","alg":"none","kid":"k1"})", "malformed"},
        {R"(["HS256"])", "malformed"},
        {"", "malformed"},
    };
    for (const auto& [header, reason] : rows) {
        EXPECT_EQ(reason_of(sign(hs256_key(), header, good_body)), reason) << header;
    }
}

// The public key is known, so an attacker may use its spelling as a shared secret.
TEST(jwt, rejects_an_hmac_with_the_public_key_as_secret) {
    const auto forged_key =
        jwt_key::make_hs256("k2", base::secret(eddsa_key().public_jwk())).value();
    EXPECT_EQ(reason_of(token::sign_jwt(forged_key, claims())), "algorithm");
    const auto header = R"({"typ":"at+jwt","alg":"EdDSA","kid":"k2"})";
    EXPECT_EQ(reason_of(sign(forged_key, header, good_body)), "signature");
}

TEST(jwt, rejects_claims_of_other_issuers_audiences_and_times) {
    const std::pair<std::string, std::string> rows[] = {
        {R"({"iss":"other","aud":"dbaas","sub":"a","jti":"j","iat":1800000000,"exp":1800000900})",
         "issuer"},
        {R"({"aud":"dbaas","sub":"a","jti":"j","iat":1800000000,"exp":1800000900})", "issuer"},
        {R"({"iss":["dbaas"],"aud":"dbaas","sub":"a","jti":"j","iat":1800000000,"exp":1800000900})",
         "issuer"},
        {R"({"iss":"dbaas","aud":"other","sub":"a","jti":"j","iat":1800000000,"exp":1800000900})",
         "audience"},
        {R"({"iss":"dbaas","aud":["x"],"sub":"a","jti":"j","iat":1800000000,"exp":1800000900})",
         "audience"},
        {R"({"iss":"dbaas","aud":[],"sub":"a","jti":"j","iat":1800000000,"exp":1800000900})",
         "audience"},
        {R"({"iss":"dbaas","sub":"a","jti":"j","iat":1800000000,"exp":1800000900})", "audience"},
        {R"({"iss":"dbaas","aud":["x","dbaas"],"sub":"a","jti":"j","iat":1800000000,"exp":1800000900})",
         ""},
        {R"({"iss":"dbaas","aud":"dbaas","iat":1800000000,"exp":1800000900})", "claims"},
        {R"({"iss":"dbaas","aud":"dbaas","sub":"","jti":"j","iat":1800000000,"exp":1800000900})",
         "claims"},
        {R"({"iss":"dbaas","aud":"dbaas","sub":"a","jti":"j","iat":1800000000})", "claims"},
        {R"({"iss":"dbaas","aud":"dbaas","sub":"a","jti":"j","exp":1800000900})", "claims"},
        {R"({"iss":"dbaas","aud":"dbaas","sub":"a","jti":"j","iat":1800000000,"exp":"1800000900"})",
         "claims"},
        {R"({"iss":"dbaas","aud":"dbaas","sub":"a","jti":"j","iat":1800000000,"exp":9223372036854775807})",
         "claims"},
        {R"({"iss":"dbaas","aud":"dbaas","sub":"a","jti":"j","iat":-1,"exp":1800000900})",
         "claims"},
        {R"({"iss":"dbaas","aud":"dbaas","sub":"a","jti":"j","iat":1800000000,"exp":1799999900})",
         "expired"},
        {R"({"iss":"dbaas","aud":"dbaas","sub":"a","jti":"j","iat":1800000061,"exp":1800000900})",
         "not_yet_valid"},
        {R"({"iss":"dbaas","aud":"dbaas","sub":"a","jti":"j","iat":1800000000,"nbf":1800000061,)"
         R"("exp":1800000900})",
         "not_yet_valid"},
        {R"({"iss":"dbaas","aud":"dbaas","sub":"a","jti":"j","iat":1800000000,"nbf":"x",)"
         R"("exp":1800000900})",
         "claims"},
        {R"({"iss":"dbaas","aud":"dbaas","sub":"a","jti":"j","sub":"root","iat":1800000000,)"
         R"("exp":1800000900})",
         "malformed"},
        {R"({"iss":"dbaas","aud":"dbaas","sub":"a","iat":1800000000,"exp":1800000900})", "claims"},
        {R"({"iss":"dbaas","aud":"dbaas","sub":"a","jti":"j","iat":1800000000,"exp":1800000901})",
         "lifetime"},
        {R"({"iss":"dbaas","aud":"dbaas","sub":"a","jti":"j","iat":0,"exp":1800000900})",
         "lifetime"},
        {R"({"iss":"dbaas","aud":"dbaas","sub":"a","jti":"j","iat":1800000000,"exp":253402300799})",
         "lifetime"},
        {R"({"iss":"dbaas","aud":"dbaas","sub":"a","jti":"j","iat":1800000000,"exp":1800000900,)"
         R"("sid":"s"})",
         "claims"},
        {R"({"iss":"dbaas","aud":"dbaas","sub":"a","jti":"j","iat":1800000000,"exp":1800000900,)"
         R"("sid":"s","epoch":"1"})",
         "claims"},
        {R"("dbaas")", "malformed"},
    };
    for (const auto& [body, reason] : rows) {
        EXPECT_EQ(reason_of(sign(hs256_key(), good_header, body)), reason) << body;
    }
}

TEST(jwt, tolerates_clocks_that_differ_by_60_seconds) {
    const auto text = token::sign_jwt(hs256_key(), claims());
    EXPECT_EQ(reason_of(text, now - 60s), "");
    EXPECT_EQ(reason_of(text, now - 61s), "not_yet_valid");
    EXPECT_EQ(reason_of(text, now + 15min + 59s), "");
    EXPECT_EQ(reason_of(text, now + 15min + 60s), "expired");
}

TEST(jwt, rejects_texts_of_another_form) {
    const auto text = token::sign_jwt(hs256_key(), claims());
    const auto unsigned_text = text.substr(0, text.rfind('.'));
    EXPECT_EQ(reason_of(""), "malformed");
    EXPECT_EQ(reason_of(".."), "malformed");
    EXPECT_EQ(reason_of(unsigned_text), "malformed");
    EXPECT_EQ(reason_of(unsigned_text + "."), "signature");
    EXPECT_EQ(reason_of(text + ".x"), "malformed");
    EXPECT_EQ(reason_of(text + "="), "malformed");
    EXPECT_EQ(reason_of(text + "\n"), "malformed");
    EXPECT_EQ(reason_of(" " + text), "malformed");
    EXPECT_EQ(reason_of(text + std::string(65536, 'a')), "too_long");
}

TEST(jwt, rejects_a_change_of_any_character) {
    for (const auto& key : keys()) {
        const auto text = token::sign_jwt(key, claims());
        for (std::size_t i = 0; i < text.size(); ++i) {
            auto changed = text;
            changed[i] = changed[i] == 'A' ? 'B' : 'A';
            EXPECT_NE(reason_of(changed), "") << i;
        }
    }
}

TEST(jwt, accepts_a_previous_key_until_it_is_dropped) {
    const auto previous = jwt_key::make_eddsa("k0");
    const auto text = token::sign_jwt(previous, claims());
    EXPECT_EQ(reason_of(text, now, std::vector{eddsa_key(), previous}), "");
    EXPECT_EQ(reason_of(text), "key");
    const auto impostor = jwt_key::make_eddsa("k2");  // the same id, another key
    EXPECT_EQ(reason_of(token::sign_jwt(impostor, claims())), "signature");
}

TEST(jwt_key, rejects_short_secrets_and_foreign_pem) {
    EXPECT_FALSE(jwt_key::make_hs256("k", base::secret(std::string(31, 'x'))));
    EXPECT_FALSE(jwt_key::read_eddsa("k", base::secret("")));
    EXPECT_FALSE(jwt_key::read_eddsa("k", base::secret("-----BEGIN PRIVATE KEY-----\nAA==\n")));
}

TEST(jwt_key, survives_its_text) {
    const auto pem = eddsa_key().private_pem();
    const auto key = jwt_key::read_eddsa("k2", pem);
    ASSERT_TRUE(key);
    EXPECT_EQ(key->public_jwk(), eddsa_key().public_jwk());
    EXPECT_EQ(reason_of(token::sign_jwt(*key, claims())), "");
    const auto jwk = json::parse(key->public_jwk());
    EXPECT_EQ(jwk.at("kty"), "OKP");
    EXPECT_FALSE(jwk.as_object().contains("d"));
}

}  // namespace
