#include "token/issuer_jwt.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>

#include "base/base64.hpp"
#include "test/support/issuer_key.hpp"
#include "token/jwt.hpp"
#include "token/jwt_signature.hpp"

namespace {

using namespace std::chrono_literals;
using fakes::issuer_key;
using token::verification_key;

constexpr base::instant now{std::chrono::seconds(1'800'000'000)};
constexpr std::string_view issuer = "https://id.example";
constexpr std::array<std::string_view, 1> access_types{"at+jwt"};

const issuer_key& rsa_key() {
    static const auto key = issuer_key::make_rsa("r1");
    return key;
}
const issuer_key& p256_key() {
    static const auto key = issuer_key::make_p256("e1");
    return key;
}
const std::vector<verification_key>& keys() {
    static const auto list =
        token::read_key_set(fakes::key_set_of(rsa_key().public_jwk(), p256_key().public_jwk()))
            .value();
    return list;
}

constexpr std::string_view good_claims =
    R"({"iss":"https://id.example","aud":"dbaas","sub":"ada","iat":1800000000,)"
    R"("exp":1800000900})";

// Returns "" for a valid token, else the reason.
std::string reason_of(std::string_view text, base::instant time = now,
                      std::span<const verification_key> accepted = keys(),
                      std::span<const std::string_view> types = access_types) {
    const auto verified = token::verify_issuer_jwt(
        text,
        {.keys = accepted, .issuer = issuer, .audience = "dbaas", .types = types, .now = time});
    if (verified) return "";
    EXPECT_EQ(verified.error().code, base::errc::denied);
    EXPECT_EQ(verified.error().text, "the token is not valid");
    return verified.error().reason;
}

TEST(issuer_jwt, verifies_rs256_and_es256) {
    for (const auto* key : {&rsa_key(), &p256_key()}) {
        const auto text = key->sign_typed("at+jwt", good_claims);
        const auto verified = token::verify_issuer_jwt(text, {.keys = keys(),
                                                              .issuer = issuer,
                                                              .audience = "dbaas",
                                                              .types = access_types,
                                                              .now = now});
        ASSERT_TRUE(verified) << key->algorithm() << verified.error().reason;
        EXPECT_EQ(verified->subject, "ada");
        EXPECT_EQ(verified->expires_at, now + 15min);
        EXPECT_EQ(token::unverified_claims(text)->at("iss"), json::value(issuer));
    }
}

TEST(issuer_jwt, rejects_headers_that_choose_algorithm_key_or_type) {
    const std::pair<std::string, std::string> rows[] = {
        {R"({"typ":"at+jwt","alg":"none","kid":"r1"})", "algorithm"},
        {R"({"typ":"at+jwt","alg":"NONE","kid":"r1"})", "algorithm"},
        {R"({"typ":"at+jwt","alg":"","kid":"r1"})", "algorithm"},
        {R"({"typ":"at+jwt","alg":["RS256"],"kid":"r1"})", "algorithm"},
        {R"({"typ":"at+jwt","kid":"r1"})", "algorithm"},
        {R"({"typ":"at+jwt","alg":"HS256","kid":"r1"})", "algorithm"},
        {R"({"typ":"at+jwt","alg":"EdDSA","kid":"r1"})", "algorithm"},
        {R"({"typ":"at+jwt","alg":"ES256","kid":"r1"})", "algorithm"},
        {R"({"typ":"at+jwt","alg":"PS256","kid":"r1"})", "algorithm"},
        {R"({"typ":"at+jwt","alg":"RS512","kid":"r1"})", "algorithm"},
        {R"({"typ":"at+jwt","alg":"rs256","kid":"r1"})", "algorithm"},
        {R"({"typ":"at+jwt","alg":"RS256","kid":"e1"})", "algorithm"},
        {R"({"typ":"at+jwt","alg":"RS256","kid":"r2"})", "key"},
        {R"({"typ":"at+jwt","alg":"RS256"})", "key"},
        {R"({"typ":"at+jwt","alg":"RS256","kid":"../../../etc/passwd"})", "key"},
        {R"({"typ":"at+jwt","alg":"RS256","kid":"' UNION SELECT 'x' --"})", "key"},
        {R"({"typ":"at+jwt","alg":"RS256","kid":"r1\u0000"})", "key"},
        {R"({"typ":"at+jwt","alg":"RS256","kid":"R1"})", "key"},
        {R"({"typ":"at+jwt","alg":"RS256","kid":"own","jku":"https://x.example/keys"})", "key"},
        {R"({"typ":"at+jwt","alg":"RS256","kid":"own","x5u":"https://x.example/c.pem"})", "key"},
        {R"({"typ":"at+jwt","alg":"RS256","jwk":)" + rsa_key().public_jwk() + "}", "key"},
        {R"({"typ":"at+jwt","alg":"RS256","kid":""})", "malformed"},
        {R"({"typ":"at+jwt","alg":"RS256","kid":7})", "malformed"},
        {R"({"typ":"at+jwt","alg":"RS256","kid":")" + std::string(257, 'k') + "\"}", "malformed"},
        {R"({"typ":"at+jwt","alg":"RS256","kid":"r1","kid":"e1"})", "malformed"},
        {R"({"typ":"at+jwt","alg":"RS256","kid":"r1","crit":["b64"],"b64":false})", "malformed"},
        {R"({"typ":"at+jwt","alg":"RS256","kid":"r1","crit":[]})", "malformed"},
        {R"({"typ":"JWT","alg":"RS256","kid":"r1"})", "type"},
        {R"({"typ":"logout+jwt","alg":"RS256","kid":"r1"})", "type"},
        {R"({"typ":7,"alg":"RS256","kid":"r1"})", "type"},
        {R"({"alg":"RS256","kid":"r1"})", "type"},
        {R"({"typ":"application/at+jwt","alg":"RS256","kid":"r1"})", ""},
        {R"({"typ":"AT+JWT","alg":"RS256","kid":"r1"})", ""},
    };
    for (const auto& [header, reason] : rows) {
        EXPECT_EQ(reason_of(rsa_key().sign(header, good_claims)), reason) << header;
    }
}

// The public keys are known, so an attacker may use their spelling as a shared secret, or sign with
// a key of another type under a known id.
TEST(issuer_jwt, rejects_signatures_of_another_algorithm) {
    const auto header = base::to_base64_url(R"({"typ":"at+jwt","alg":"RS256","kid":"r1"})");
    const auto text = header + "." + base::to_base64_url(good_claims);
    const auto hmac = token::signature_of(
        token::jwt_key::make_hs256("r1", base::secret(rsa_key().public_jwk())).value(), text);
    const auto eddsa = token::signature_of(token::jwt_key::make_eddsa("r1"), text);
    for (const auto& signature :
         {hmac, eddsa, p256_key().signature_of(text), std::string(), std::string(256, '\0')}) {
        EXPECT_EQ(reason_of(text + "." + base::to_base64_url(signature)), "signature");
    }
}

TEST(issuer_jwt, rejects_signatures_of_zero_and_of_another_length) {
    const auto header = base::to_base64_url(R"({"typ":"at+jwt","alg":"ES256","kid":"e1"})");
    const auto text = header + "." + base::to_base64_url(good_claims);
    const auto good = p256_key().signature_of(text);
    EXPECT_EQ(reason_of(text + "." + base::to_base64_url(good)), "");
    for (const auto& signature :
         {std::string(64, '\0'), std::string(64, '\xff'), good.substr(0, 63), good + '\0',
          std::string(32, '\0') + good.substr(32), good.substr(0, 32) + std::string(32, '\0')}) {
        EXPECT_EQ(reason_of(text + "." + base::to_base64_url(signature)), "signature");
    }
}

TEST(issuer_jwt, rejects_claims_of_other_issuers_audiences_and_times) {
    const std::pair<std::string_view, std::string> rows[] = {
        {R"("iss":"https://id.example/","aud":"dbaas","sub":"a","iat":1800000000,"exp":1800000900)",
         "issuer"},
        {R"("aud":"dbaas","sub":"a","iat":1800000000,"exp":1800000900)", "issuer"},
        {R"("iss":"https://id.example","aud":"dbaas2","sub":"a","iat":1800000000,"exp":1800000900)",
         "audience"},
        {R"("iss":"https://id.example","aud":["x"],"sub":"a","iat":1800000000,"exp":1800000900)",
         "audience"},
        {R"("iss":"https://id.example","sub":"a","iat":1800000000,"exp":1800000900)", "audience"},
        {R"("iss":"https://id.example","aud":["x","dbaas"],"sub":"a","iat":1800000000,"exp":1800000900)",
         ""},
        {R"("iss":"https://id.example","aud":"dbaas","iat":1800000000,"exp":1800000900)", "claims"},
        {R"("iss":"https://id.example","aud":"dbaas","sub":"a","iat":1800000000)", "claims"},
        {R"("iss":"https://id.example","aud":"dbaas","sub":"a","exp":1800000900)", "claims"},
        {R"("iss":"https://id.example","aud":"dbaas","sub":"a","iat":1800000000,"exp":1e99)",
         "claims"},
        {R"("iss":"https://id.example","aud":"dbaas","sub":"a","iat":1800000000,"nbf":1800000061,"exp":1800000900)",
         "not_yet_valid"},
        {R"("iss":"https://id.example","aud":"dbaas","sub":"a","iat":1800000000,"nbf":"0","exp":1800000900)",
         "claims"},
        {R"("iss":"https://id.example","aud":"dbaas","sub":"a","sub":"admin","iat":1800000000,"exp":1800000900)",
         "malformed"},
    };
    for (const auto& [members, reason] : rows) {
        EXPECT_EQ(reason_of(rsa_key().sign_typed("at+jwt", fmt::format("{{{}}}", members))), reason)
            << members;
    }
}

TEST(issuer_jwt, tolerates_clocks_that_differ_by_60_seconds) {
    const auto text = p256_key().sign_typed("at+jwt", good_claims);
    EXPECT_EQ(reason_of(text, now - 60s), "");
    EXPECT_EQ(reason_of(text, now - 61s), "not_yet_valid");
    EXPECT_EQ(reason_of(text, now + 15min + 59s), "");
    EXPECT_EQ(reason_of(text, now + 15min + 60s), "expired");
}

TEST(issuer_jwt, rejects_texts_of_another_form) {
    const auto text = p256_key().sign_typed("at+jwt", good_claims);
    const auto unsigned_text = text.substr(0, text.rfind('.'));
    for (const auto& changed : {std::string(), std::string(".."), unsigned_text, text + ".x",
                                text + "=", text + "\n", " " + text}) {
        EXPECT_EQ(reason_of(changed), "malformed") << changed;
    }
    EXPECT_EQ(reason_of(unsigned_text + "."), "signature");
    EXPECT_EQ(reason_of(std::string(65536, 'a')), "too_long");
    EXPECT_FALSE(token::unverified_claims(std::string(65536, 'a')));
    EXPECT_FALSE(token::unverified_claims("a.b.c"));
}

TEST(issuer_jwt, rejects_a_change_of_any_character) {
    const auto text = p256_key().sign_typed("at+jwt", good_claims);
    for (std::size_t i = 0; i < text.size(); ++i) {
        auto changed = text;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        EXPECT_NE(reason_of(changed), "") << i;
    }
}

TEST(issuer_jwt, accepts_a_token_without_key_id_only_from_an_issuer_with_one_key) {
    const auto text = p256_key().sign(R"({"typ":"at+jwt","alg":"ES256"})", good_claims);
    const auto one = token::read_key_set(fakes::key_set_of(p256_key().public_jwk())).value();
    EXPECT_EQ(reason_of(text, now, one), "");
    EXPECT_EQ(reason_of(text), "key");
    EXPECT_EQ(reason_of(text, now, {}), "key");
}

TEST(issuer_jwt, separates_id_tokens_from_access_tokens) {
    constexpr std::array<std::string_view, 2> id_types{"jwt", ""};
    const auto access = p256_key().sign_typed("at+jwt", good_claims);
    const auto id = p256_key().sign_typed("JWT", good_claims);
    const auto untyped = p256_key().sign_typed("", good_claims);
    EXPECT_EQ(reason_of(access, now, keys(), id_types), "type");
    EXPECT_EQ(reason_of(id, now, keys(), id_types), "");
    EXPECT_EQ(reason_of(untyped, now, keys(), id_types), "");
    EXPECT_EQ(reason_of(id), "type");
    EXPECT_EQ(reason_of(untyped), "type");
}

}  // namespace
