#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <array>
#include <cstdlib>

#include "base/base64.hpp"
#include "json/json_writer.hpp"
#include "token/digest.hpp"
#include "token/jwt.hpp"
#include "token/jwt_signature.hpp"

namespace token {
namespace {

struct deleter {
    void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
    void operator()(BIO* stream) const noexcept { BIO_free(stream); }
};
using key_handle = std::unique_ptr<EVP_PKEY, deleter>;
using context_handle = std::unique_ptr<EVP_MD_CTX, deleter>;
using stream_handle = std::unique_ptr<BIO, deleter>;

constexpr std::size_t ed25519_signature_bytes = 64;
constexpr std::size_t ed25519_public_bytes = 32;

const unsigned char* bytes_of(std::string_view text) noexcept {
    return reinterpret_cast<const unsigned char*>(text.data());
}

std::string hmac_text(const base::secret& secret, std::string_view text) {
    const auto digest = hmac_sha256(secret, text);
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace

struct jwt_key::material {
    base::secret secret{};  // of HS256
    key_handle pair{};      // of EdDSA
};

std::string_view name(jwt_algorithm algorithm) noexcept {
    return algorithm == jwt_algorithm::hs256 ? "HS256" : "EdDSA";
}

base::outcome<jwt_key> jwt_key::make_hs256(std::string id, const base::secret& secret) {
    if (secret.reveal().size() < hs256_secret_bytes_min) {
        return base::fail(base::errc::invalid, "the secret must have at least 32 bytes");
    }
    return jwt_key(std::move(id), jwt_algorithm::hs256,
                   std::make_shared<const material>(secret, nullptr));
}

jwt_key jwt_key::make_eddsa(std::string id) {
    key_handle pair(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    if (pair == nullptr) std::abort();  // fails only without memory or random bytes
    return {std::move(id), jwt_algorithm::eddsa,
            std::make_shared<const material>(base::secret(), std::move(pair))};
}

base::outcome<jwt_key> jwt_key::read_eddsa(std::string id, const base::secret& private_pem) {
    const auto& text = private_pem.reveal();
    const stream_handle stream(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    const auto no_passphrase = [](char*, int, int, void*) { return -1; };
    key_handle pair(PEM_read_bio_PrivateKey(stream.get(), nullptr, no_passphrase, nullptr));
    if (pair == nullptr || EVP_PKEY_get_id(pair.get()) != EVP_PKEY_ED25519) {
        return base::fail(base::errc::invalid, "the text is not a private key of Ed25519 in PEM");
    }
    return jwt_key(std::move(id), jwt_algorithm::eddsa,
                   std::make_shared<const material>(base::secret(), std::move(pair)));
}

base::secret jwt_key::private_pem() const {
    const stream_handle stream(BIO_new(BIO_s_secmem()));
    const bool is_written =
        PEM_write_bio_PKCS8PrivateKey(stream.get(), material_->pair.get(), nullptr, nullptr, 0,
                                      nullptr, nullptr) == 1;
    char* text = nullptr;
    const auto size = BIO_get_mem_data(stream.get(), &text);
    if (!is_written || size <= 0) std::abort();  // fails only without memory
    return base::secret(std::string(text, static_cast<std::size_t>(size)));
}

std::string jwt_key::public_jwk() const {
    std::array<unsigned char, ed25519_public_bytes> bytes{};
    auto size = bytes.size();
    if (EVP_PKEY_get_raw_public_key(material_->pair.get(), bytes.data(), &size) != 1) std::abort();
    const std::string_view view(reinterpret_cast<const char*>(bytes.data()), size);
    std::string text;
    json::writer out(text);
    out.begin_object().member("kty", "OKP").member("crv", "Ed25519").member("use", "sig");
    out.member("alg", name(algorithm_)).member("kid", id_);
    out.member("x", base::to_base64_url(view)).end_object();
    return text;
}

std::string signature_of(const jwt_key& key, std::string_view text) {
    if (key.algorithm_ == jwt_algorithm::hs256) return hmac_text(key.material_->secret, text);
    std::array<unsigned char, ed25519_signature_bytes> signature{};
    auto size = signature.size();
    const context_handle context(EVP_MD_CTX_new());
    const bool is_done =
        EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.material_->pair.get()) ==
            1 &&
        EVP_DigestSign(context.get(), signature.data(), &size, bytes_of(text), text.size()) == 1;
    if (!is_done) std::abort();  // fails only without memory
    return {reinterpret_cast<const char*>(signature.data()), size};
}

bool is_signature(const jwt_key& key, std::string_view text, std::string_view signature) {
    if (key.algorithm_ == jwt_algorithm::hs256) {
        return equals_secretly(hmac_text(key.material_->secret, text), signature);
    }
    const context_handle context(EVP_MD_CTX_new());
    return signature.size() == ed25519_signature_bytes &&
           EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr,
                                key.material_->pair.get()) == 1 &&
           EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(text),
                            text.size()) == 1;
}

}  // namespace token
