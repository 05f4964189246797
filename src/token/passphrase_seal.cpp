#include "token/passphrase_seal.hpp"

#include <argon2.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <memory>

namespace token {
namespace {

using base::errc;

// The parameters of argon2id belong to the version in the magic text.
constexpr std::string_view magic = "dbaas-sealed-1\n";
constexpr std::uint32_t memory_kibibytes = 64U * 1024U;
constexpr std::uint32_t passes = 3;
constexpr std::size_t salt_bytes = 16;
constexpr std::size_t nonce_bytes = 12;
constexpr std::size_t tag_bytes = 16;
constexpr std::size_t head_bytes = magic.size() + salt_bytes + nonce_bytes;
constexpr std::size_t part_bytes = 1 << 20;  // EVP counts in int

using context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;
using key_bytes = std::array<unsigned char, 32>;

const unsigned char* bytes_of(std::string_view text) noexcept {
    return reinterpret_cast<const unsigned char*>(text.data());
}

base::outcome<key_bytes> key_of(const base::secret& passphrase, std::string_view salt) {
    const auto& text = passphrase.reveal();
    if (text.empty()) return base::fail(errc::invalid, "the passphrase is empty");
    key_bytes key{};
    const int status = argon2id_hash_raw(passes, memory_kibibytes, 1, text.data(), text.size(),
                                         salt.data(), salt.size(), key.data(), key.size());
    if (status != ARGON2_OK) return base::fail(errc::internal, argon2_error_message(status));
    return key;
}

// Starts the encryption or decryption after `head`, which is authenticated.
context start(const key_bytes& key, std::string_view head, bool encrypts) {
    context cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
    const auto nonce = head.substr(head.size() - nonce_bytes);
    int size = 0;
    const bool is_started = cipher &&
                            EVP_CipherInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key.data(),
                                              bytes_of(nonce), encrypts ? 1 : 0) == 1 &&
                            EVP_CipherUpdate(cipher.get(), nullptr, &size, bytes_of(head),
                                             static_cast<int>(head.size())) == 1;
    return is_started ? std::move(cipher) : context(nullptr, EVP_CIPHER_CTX_free);
}

// Appends the result to `out`. Returns false if OpenSSL failed.
bool run(EVP_CIPHER_CTX* cipher, std::string_view text, std::string& out) {
    while (!text.empty()) {
        const auto part = text.substr(0, part_bytes);
        const auto begin = out.size();
        out.resize(begin + part.size());
        int size = 0;
        if (EVP_CipherUpdate(cipher, reinterpret_cast<unsigned char*>(out.data() + begin), &size,
                             bytes_of(part), static_cast<int>(part.size())) != 1) {
            return false;
        }
        text.remove_prefix(part.size());
    }
    return true;
}

}  // namespace

bool is_sealed(std::string_view text) noexcept {
    return text.starts_with(magic);
}

base::outcome<std::string> seal(const base::secret& passphrase, std::string_view text) {
    std::array<unsigned char, salt_bytes + nonce_bytes> random{};
    if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) {
        return base::fail(errc::internal, "OpenSSL has no random bytes");
    }
    std::string sealed(magic);
    sealed.append(reinterpret_cast<const char*>(random.data()), random.size());
    const auto key = key_of(passphrase, std::string_view(sealed).substr(magic.size(), salt_bytes));
    if (!key) return base::pass(key);
    const auto cipher = start(*key, sealed, true);
    std::array<unsigned char, tag_bytes> tag{};
    int size = 0;
    sealed.reserve(sealed.size() + text.size() + tag_bytes);
    if (!cipher || !run(cipher.get(), text, sealed) ||
        EVP_CipherFinal_ex(cipher.get(), tag.data(), &size) != 1 ||
        EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, tag_bytes, tag.data()) != 1) {
        return base::fail(errc::internal, "OpenSSL cannot encrypt");
    }
    sealed.append(reinterpret_cast<const char*>(tag.data()), tag.size());
    return sealed;
}

base::outcome<std::string> unseal(const base::secret& passphrase, std::string_view sealed) {
    if (!is_sealed(sealed) || sealed.size() < head_bytes + tag_bytes) {
        return base::fail(errc::corrupt, "the text is not encrypted, or is truncated");
    }
    const auto head = sealed.substr(0, head_bytes);
    const auto key = key_of(passphrase, head.substr(magic.size(), salt_bytes));
    if (!key) return base::pass(key);
    std::array<unsigned char, tag_bytes> tag{};
    std::ranges::copy(sealed.substr(sealed.size() - tag_bytes), tag.begin());
    sealed.remove_suffix(tag_bytes);
    sealed.remove_prefix(head_bytes);
    const auto cipher = start(*key, head, false);
    std::string text;
    text.reserve(sealed.size());
    if (!cipher || !run(cipher.get(), sealed, text) ||
        EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, tag_bytes, tag.data()) != 1) {
        return base::fail(errc::internal, "OpenSSL cannot decrypt");
    }
    int size = 0;
    if (EVP_CipherFinal_ex(cipher.get(), tag.data(), &size) != 1) {
        return base::fail(errc::denied, "the passphrase is wrong, or the text was changed");
    }
    return text;
}

}  // namespace token
