#include "test/support/issuer_key.hpp"

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <array>
#include <cassert>
#include <vector>

#include "base/base64.hpp"

namespace fakes {
namespace {

template <auto Free>
struct deleter {
    template <class T>
    void operator()(T* object) const {
        Free(object);
    }
};
using number_handle = std::unique_ptr<BIGNUM, deleter<BN_free>>;
using digest_handle = std::unique_ptr<EVP_MD_CTX, deleter<EVP_MD_CTX_free>>;
using pair_handle = std::unique_ptr<ECDSA_SIG, deleter<ECDSA_SIG_free>>;

constexpr int p256_bytes = 32;

void must(bool succeeded) {
    assert(succeeded && "OpenSSL call failed");
    (void)succeeded;
}

std::string encode(const BIGNUM* number, int size) {
    std::string bytes(static_cast<std::size_t>(size), '\0');
    must(BN_bn2binpad(number, reinterpret_cast<unsigned char*>(bytes.data()), size) == size);
    return base::to_base64_url(bytes);
}

std::string parameter(const EVP_PKEY* key, const char* name, int size = 0) {
    BIGNUM* raw = nullptr;
    must(EVP_PKEY_get_bn_param(key, name, &raw) == 1);
    const number_handle number(raw);
    return encode(raw, size == 0 ? BN_num_bytes(raw) : size);
}

}  // namespace

struct issuer_key::state {
    std::unique_ptr<EVP_PKEY, deleter<EVP_PKEY_free>> key;
    bool is_rsa = false;
};

issuer_key issuer_key::make_rsa(std::string id, int bits) {
    auto content = std::make_shared<state>();
    content->key.reset(EVP_RSA_gen(static_cast<unsigned>(bits)));
    content->is_rsa = true;
    must(content->key != nullptr);
    return {std::move(id), std::move(content)};
}

issuer_key issuer_key::make_p256(std::string id) {
    auto content = std::make_shared<state>();
    content->key.reset(EVP_EC_gen("P-256"));
    must(content->key != nullptr);
    return {std::move(id), std::move(content)};
}

std::string_view issuer_key::algorithm() const noexcept {
    return state_->is_rsa ? "RS256" : "ES256";
}

std::string issuer_key::public_jwk() const {
    const auto* key = state_->key.get();
    if (state_->is_rsa) {
        return fmt::format(
            R"({{"kty":"RSA","use":"sig","alg":"RS256","kid":"{}","n":"{}","e":"{}"}})", id_,
            parameter(key, OSSL_PKEY_PARAM_RSA_N), parameter(key, OSSL_PKEY_PARAM_RSA_E));
    }
    return fmt::format(
        R"({{"kty":"EC","crv":"P-256","use":"sig","alg":"ES256","kid":"{}","x":"{}","y":"{}"}})",
        id_, parameter(key, OSSL_PKEY_PARAM_EC_PUB_X, p256_bytes),
        parameter(key, OSSL_PKEY_PARAM_EC_PUB_Y, p256_bytes));
}

std::string issuer_key::signature_of(std::string_view text) const {
    const digest_handle context(EVP_MD_CTX_new());
    must(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, state_->key.get()) == 1);
    const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
    std::size_t size = 0;
    must(EVP_DigestSign(context.get(), nullptr, &size, bytes, text.size()) == 1);
    std::vector<unsigned char> signature(size);
    must(EVP_DigestSign(context.get(), signature.data(), &size, bytes, text.size()) == 1);
    if (state_->is_rsa) return {reinterpret_cast<const char*>(signature.data()), size};
    const unsigned char* position = signature.data();
    const pair_handle pair(d2i_ECDSA_SIG(nullptr, &position, static_cast<long>(size)));
    std::array<unsigned char, std::size_t{2} * p256_bytes> raw{};
    must(BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), raw.data(), p256_bytes) == p256_bytes);
    must(BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), raw.data() + p256_bytes, p256_bytes) ==
         p256_bytes);
    return {reinterpret_cast<const char*>(raw.data()), raw.size()};
}

std::string issuer_key::sign(std::string_view header, std::string_view claims) const {
    const auto text = base::to_base64_url(header) + "." + base::to_base64_url(claims);
    return text + "." + base::to_base64_url(signature_of(text));
}

std::string issuer_key::sign_typed(std::string_view type, std::string_view claims) const {
    const auto member = type.empty() ? std::string() : fmt::format(R"("typ":"{}",)", type);
    return sign(fmt::format(R"({{{}"alg":"{}","kid":"{}"}})", member, algorithm(), id_), claims);
}

std::string key_set_of(const std::string& first, const std::string& second) {
    return R"({"keys":[)" + first + (second.empty() ? "" : "," + second) + "]}";
}

}  // namespace fakes
