#include "token/digest.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstdlib>
#include <memory>

namespace token {
namespace {

struct deleter {
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
    void operator()(EVP_MD* algorithm) const noexcept { EVP_MD_free(algorithm); }
};

// The one-shot functions of OpenSSL 3 look the algorithm up under a lock for each call.
const EVP_MD* sha256_algorithm() {
    static const std::unique_ptr<EVP_MD, deleter> algorithm(
        EVP_MD_fetch(nullptr, "SHA256", nullptr));
    return algorithm.get();
}

}  // namespace

sha256_digest sha256(std::string_view bytes) {
    thread_local const std::unique_ptr<EVP_MD_CTX, deleter> context(EVP_MD_CTX_new());
    sha256_digest digest{};
    const bool is_done = EVP_DigestInit_ex2(context.get(), sha256_algorithm(), nullptr) == 1 &&
                         EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) == 1 &&
                         EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) == 1;
    if (!is_done) std::abort();  // fails only without memory or without the algorithm
    return digest;
}

sha256_digest hmac_sha256(const base::secret& key, std::string_view bytes) {
    sha256_digest digest{};
    unsigned size = 0;
    const auto& text = key.reveal();
    const auto* done = HMAC(sha256_algorithm(), text.data(), static_cast<int>(text.size()),
                            reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                            digest.data(), &size);
    if (done == nullptr || size != digest.size()) std::abort();  // fails only without memory
    return digest;
}

std::string to_hex(const sha256_digest& digest) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    text.reserve(digest.size() * 2);
    for (const auto byte : digest) {
        text += digits[byte >> 4U];
        text += digits[byte & 15U];
    }
    return text;
}

bool equals_secretly(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace token
