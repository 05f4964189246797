#include "token/verification_key.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <map>

#include "json/json_access.hpp"
#include "token/jwt_parts.hpp"

namespace token {
namespace {

using base::errc;
using base::fail;

template <auto Free>
struct deleter {
    template <class T>
    void operator()(T* object) const noexcept {
        Free(object);
    }
};
using key_handle = std::unique_ptr<EVP_PKEY, deleter<EVP_PKEY_free>>;
using key_context_handle = std::unique_ptr<EVP_PKEY_CTX, deleter<EVP_PKEY_CTX_free>>;
using digest_context_handle = std::unique_ptr<EVP_MD_CTX, deleter<EVP_MD_CTX_free>>;
using number_handle = std::unique_ptr<BIGNUM, deleter<BN_free>>;
using builder_handle = std::unique_ptr<OSSL_PARAM_BLD, deleter<OSSL_PARAM_BLD_free>>;
using parameters_handle = std::unique_ptr<OSSL_PARAM, deleter<OSSL_PARAM_free>>;
using pair_handle = std::unique_ptr<ECDSA_SIG, deleter<ECDSA_SIG_free>>;

constexpr std::size_t p256_bytes = 32;
constexpr unsigned long exponent_min = 65537;  // FIPS 186-5
constexpr int exponent_bits_max = 32;

const unsigned char* bytes_of(std::string_view text) noexcept {
    return reinterpret_cast<const unsigned char*>(text.data());
}

number_handle number_of(std::string_view bytes) {
    return number_handle(BN_bin2bn(bytes_of(bytes), static_cast<int>(bytes.size()), nullptr));
}

// Returns null if the parameters are no key.
key_handle make_key(const char* type, OSSL_PARAM_BLD* builder) {
    const parameters_handle parameters(OSSL_PARAM_BLD_to_param(builder));
    const key_context_handle context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
    EVP_PKEY* key = nullptr;
    if (EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
        return nullptr;
    }
    return key_handle(key);
}

base::outcome<key_handle> rsa_key_of(const json::object& jwk) {
    const auto modulus_bytes = decode_jwt_part(json::text_at(jwk, "n"));
    const auto exponent_bytes = decode_jwt_part(json::text_at(jwk, "e"));
    constexpr std::size_t bytes_max = rsa_bits_max / 8;
    if (!modulus_bytes || !exponent_bytes || modulus_bytes->size() > bytes_max ||
        exponent_bytes->size() > bytes_max) {
        return fail(errc::invalid, "the modulus or the exponent is missing, malformed or too long");
    }
    const auto modulus = number_of(*modulus_bytes);
    const auto exponent = number_of(*exponent_bytes);
    if (BN_num_bits(modulus.get()) < rsa_bits_min || BN_is_odd(modulus.get()) == 0) {
        return fail(errc::invalid, "an RSA key must have 2048 to 4096 bits and an odd modulus");
    }
    if (BN_is_odd(exponent.get()) == 0 || BN_num_bits(exponent.get()) > exponent_bits_max ||
        BN_get_word(exponent.get()) < exponent_min) {
        return fail(errc::invalid, "the exponent of an RSA key must be odd and at least 65537");
    }
    const builder_handle builder(OSSL_PARAM_BLD_new());
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get());
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get());
    auto key = make_key("RSA", builder.get());
    if (key == nullptr) return fail(errc::invalid, "the members are not an RSA key");
    return key;
}

base::outcome<key_handle> p256_key_of(const json::object& jwk) {
    const auto x = decode_jwt_part(json::text_at(jwk, "x"));
    const auto y = decode_jwt_part(json::text_at(jwk, "y"));
    if (!x || !y || x->size() != p256_bytes || y->size() != p256_bytes) {
        return fail(errc::invalid, "a coordinate of the P-256 key is missing or malformed");
    }
    const auto point = "\x04" + *x + *y;  // the uncompressed form
    const builder_handle builder(OSSL_PARAM_BLD_new());
    OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
    OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                     point.size());
    auto key = make_key("EC", builder.get());
    if (key != nullptr) {
        const key_context_handle context(EVP_PKEY_CTX_new(key.get(), nullptr));
        if (EVP_PKEY_public_check(context.get()) == 1) return key;
    }
    return fail(errc::invalid, "the coordinates are not a point of P-256");
}

// Returns the DER form of r and s, which OpenSSL reads. Returns an empty text on failure.
std::string der_of(std::string_view signature) {
    const pair_handle pair(ECDSA_SIG_new());
    auto r = number_of(signature.substr(0, p256_bytes));
    auto s = number_of(signature.substr(p256_bytes));
    if (ECDSA_SIG_set0(pair.get(), r.get(), s.get()) != 1) return {};
    (void)r.release();  // owned by the pair
    (void)s.release();
    unsigned char* bytes = nullptr;
    const int size = i2d_ECDSA_SIG(pair.get(), &bytes);
    if (size <= 0) return {};
    std::string text(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    OPENSSL_free(bytes);
    return text;
}

bool permits_verification(const json::object& jwk) {
    if (jwk.contains("use") && json::text_at(jwk, "use") != "sig") return false;
    if (!jwk.contains("key_ops")) return true;
    return std::ranges::any_of(json::array_or_empty(jwk, "key_ops"), [](const json::value& item) {
        return item.is_string() && item.get_string() == "verify";
    });
}

}  // namespace

struct verification_key::material {
    key_handle key;
};

std::string_view name(verification_algorithm algorithm) noexcept {
    return algorithm == verification_algorithm::rs256 ? "RS256" : "ES256";
}

base::outcome<verification_key> verification_key::read(const json::object& jwk) {
    if (!permits_verification(jwk)) return fail(errc::unsupported, "not a key for signatures");
    const auto type = json::text_at(jwk, "kty");
    const bool is_p256 = type == "EC" && json::text_at(jwk, "crv") == "P-256";
    if (type != "RSA" && !is_p256) return fail(errc::unsupported, "neither RSA nor P-256");
    const auto algorithm = is_p256 ? verification_algorithm::es256 : verification_algorithm::rs256;
    if (jwk.contains("alg") && json::text_at(jwk, "alg") != name(algorithm)) {
        return fail(errc::unsupported, "another algorithm than RS256 and ES256");
    }
    const auto id = json::text_at(jwk, "kid");
    if (id.size() > key_id_bytes_max) return fail(errc::invalid, "the id of the key is too long");
    auto key = is_p256 ? p256_key_of(jwk) : rsa_key_of(jwk);
    if (!key) return base::pass(std::move(key));
    return verification_key(std::string(id), algorithm,
                            std::make_shared<const material>(std::move(*key)));
}

bool verification_key::is_signature(std::string_view text, std::string_view signature) const {
    std::string converted;
    if (algorithm_ == verification_algorithm::es256) {
        if (signature.size() != p256_bytes * 2) return false;
        converted = der_of(signature);
        signature = converted;
    }
    const digest_context_handle context(EVP_MD_CTX_new());
    // The default padding of RSA is PKCS #1 v1.5, as RS256 requires.
    return EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr,
                                material_->key.get()) == 1 &&
           EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(text),
                            text.size()) == 1;
}

base::outcome<std::vector<verification_key>> read_key_set(std::string_view text) {
    if (text.size() > key_set_bytes_max) return fail(errc::corrupt, "the key set is too long");
    const auto value = json::try_parse(text);
    const auto* list = value && value->is_object()
                           ? json::array_at(&value->get_object(), std::string_view("keys"))
                           : nullptr;
    if (list == nullptr) return fail(errc::corrupt, "the text is not a JSON Web Key Set");
    if (list->size() > key_set_keys_max) {
        return fail(errc::corrupt, "the key set has more than 64 keys");
    }
    std::map<std::string, int, std::less<>> uses;  // by id
    for (const auto& item : *list) {
        if (item.is_object()) ++uses[std::string(json::text_at(item.get_object(), "kid"))];
    }
    std::vector<verification_key> keys;
    for (const auto& item : *list) {
        if (!item.is_object()) continue;
        auto key = verification_key::read(item.get_object());
        if (key && uses[key->id()] == 1) keys.push_back(std::move(*key));
    }
    return keys;
}

}  // namespace token
