#include "token/verification_key.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/base64.hpp"
#include "json/json.hpp"
#include "test/support/issuer_key.hpp"

namespace {

using base::errc;
using fakes::issuer_key;
using token::verification_key;

const json::object& rsa_jwk() {
    static const auto jwk = json::parse(issuer_key::make_rsa("r1").public_jwk()).as_object();
    return jwk;
}
const json::object& p256_jwk() {
    static const auto jwk = json::parse(issuer_key::make_p256("e1").public_jwk()).as_object();
    return jwk;
}

json::object changed(json::object jwk, std::string_view member, json::value value) {
    jwk[member] = std::move(value);
    return jwk;
}

errc code_of(const json::object& jwk) {
    const auto key = verification_key::read(jwk);
    return key ? errc::internal : key.error().code;
}

TEST(verification_key, reads_rsa_and_p256) {
    EXPECT_EQ(verification_key::read(rsa_jwk())->algorithm(), token::verification_algorithm::rs256);
    EXPECT_EQ(verification_key::read(p256_jwk())->algorithm(),
              token::verification_algorithm::es256);
    EXPECT_EQ(verification_key::read(p256_jwk())->id(), "e1");
}

TEST(verification_key, rejects_other_types_uses_and_algorithms) {
    for (const auto& jwk :
         {changed(rsa_jwk(), "use", "enc"), changed(rsa_jwk(), "use", nullptr),
          changed(rsa_jwk(), "alg", "RS512"), changed(rsa_jwk(), "alg", "HS256"),
          changed(rsa_jwk(), "alg", "none"), changed(rsa_jwk(), "kty", "oct"),
          changed(rsa_jwk(), "kty", "rsa"), changed(rsa_jwk(), "key_ops", json::array{"sign"}),
          changed(p256_jwk(), "crv", "P-384"), changed(p256_jwk(), "crv", "secp256k1"),
          changed(p256_jwk(), "alg", "RS256"), json::object()}) {
        EXPECT_EQ(code_of(jwk), errc::unsupported) << json::serialize(jwk);
    }
}

TEST(verification_key, rejects_weak_rsa_keys) {
    const auto weak = json::parse(issuer_key::make_rsa("w", 1024).public_jwk()).as_object();
    EXPECT_EQ(code_of(weak), errc::invalid);
    const auto large = base::to_base64_url("\x01" + std::string(512, '\x01'));  // 4097 bits
    EXPECT_EQ(code_of(changed(rsa_jwk(), "n", json::string(large))), errc::invalid);
    const auto even = base::to_base64_url(std::string(255, '\xff') + '\xfe');
    EXPECT_EQ(code_of(changed(rsa_jwk(), "n", json::string(even))), errc::invalid);
    for (const std::string exponent : {"AQ", "Aw", "AAAA", "AQAA", "AQABAAEAAQ", "", "!"}) {
        EXPECT_EQ(code_of(changed(rsa_jwk(), "e", json::string(exponent))), errc::invalid)
            << exponent;
    }
}

TEST(verification_key, rejects_points_that_are_not_on_the_curve) {
    const auto zero = base::to_base64_url(std::string(32, '\0'));
    EXPECT_EQ(code_of(changed(p256_jwk(), "x", json::string(zero))), errc::invalid);
    EXPECT_EQ(code_of(changed(p256_jwk(), "y", "AA")), errc::invalid);
    EXPECT_EQ(code_of(changed(p256_jwk(), "y", 7)), errc::invalid);
}

TEST(key_set, leaves_out_unusable_keys_and_ids_that_occur_twice) {
    const auto good = json::serialize(p256_jwk());
    const auto twin = json::serialize(changed(rsa_jwk(), "kid", "e1"));
    EXPECT_EQ(token::read_key_set(fakes::key_set_of(good, R"({"kty":"OKP"})"))->size(), 1U);
    EXPECT_EQ(token::read_key_set(fakes::key_set_of(good, twin))->size(), 0U);
    EXPECT_EQ(token::read_key_set(R"({"keys":[7,null]})")->size(), 0U);
}

TEST(key_set, rejects_texts_of_another_form_and_size) {
    std::string many;
    for (int i = 0; i < 65; ++i) many += R"({"kty":"OKP"},)";
    for (const auto& text :
         {std::string(), std::string("[]"), std::string("{}"), std::string(R"({"keys":{}})"),
          R"({"keys":[)" + many + "{}]}", std::string(300'000, ' ') + R"({"keys":[]})"}) {
        const auto keys = token::read_key_set(text);
        ASSERT_FALSE(keys) << text.size();
        EXPECT_EQ(keys.error().code, errc::corrupt);
    }
}

}  // namespace
