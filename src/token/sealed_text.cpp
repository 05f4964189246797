#include "token/sealed_text.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <optional>

#include "base/base64.hpp"
#include "token/digest.hpp"

namespace token {
namespace {

using base::errc;

constexpr std::string_view version = "s1.";
constexpr std::size_t salt_bytes = 32;
constexpr std::size_t seal_bytes = 16;  // Poly1305
constexpr std::size_t id_length = 8;

struct deleter {
    void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
};
using context_handle = std::unique_ptr<EVP_CIPHER_CTX, deleter>;

const unsigned char* bytes_of(std::string_view text) noexcept {
    return reinterpret_cast<const unsigned char*>(text.data());
}

std::string random_bytes(std::size_t size) {
    std::string bytes(size, '\0');
    auto* begin = reinterpret_cast<unsigned char*>(bytes.data());
    if (RAND_bytes(begin, static_cast<int>(size)) != 1) std::abort();
    return bytes;
}

// Returns a context with the key of one text. The key has one use, so its nonce is constant.
context_handle begin(const base::secret& key, std::string_view salt, std::string_view purpose,
                     bool is_sealing) {
    std::string input("seal ");
    input += salt;
    input += purpose;
    auto derived = hmac_sha256(key, input);
    constexpr std::array<unsigned char, 12> nonce{};
    context_handle context(EVP_CIPHER_CTX_new());
    const bool is_ready = EVP_CipherInit_ex(context.get(), EVP_chacha20_poly1305(), nullptr,
                                            derived.data(), nonce.data(), is_sealing ? 1 : 0) == 1;
    OPENSSL_cleanse(derived.data(), derived.size());
    if (!is_ready) std::abort();  // fails only without memory
    return context;
}

// Returns "ID.HEX".
std::string signature_of(std::string_view key_id, const base::secret& key, std::string_view text,
                         std::string_view purpose) {
    std::string input("sign ");
    input.append(purpose).append("\n").append(text);
    return std::string(key_id) + "." + to_hex(hmac_sha256(key, input));
}

struct sealed_parts {
    std::string_view key_id;
    std::string bytes;  // salt, text, seal
};

std::optional<sealed_parts> split(std::string_view sealed) {
    if (!sealed.starts_with(version)) return std::nullopt;
    sealed.remove_prefix(version.size());
    if (sealed.size() <= id_length || sealed[id_length] != '.') return std::nullopt;
    auto bytes = base::from_base64(sealed.substr(id_length + 1));
    if (!bytes || bytes->size() < salt_bytes + seal_bytes) return std::nullopt;
    return sealed_parts{.key_id = sealed.substr(0, id_length), .bytes = std::move(*bytes)};
}

std::optional<std::string> from_hex(std::string_view text) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
        unsigned char byte = 0;
        const auto [end, error] = std::from_chars(&text[i], &text[i] + 2, byte, 16);
        if (error != std::errc() || end != &text[i] + 2) return std::nullopt;
        bytes += static_cast<char>(byte);
    }
    return bytes;
}

}  // namespace

base::outcome<base::secret> parse_platform_key(std::string_view text) {
    text = text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
    auto bytes = text.size() == platform_key_bytes * 2 ? from_hex(text) : base::from_base64(text);
    if (bytes && bytes->size() == platform_key_bytes) return base::secret(std::move(*bytes));
    return base::fail(errc::invalid, "must be 64 hexadecimal characters or base64 of 32 bytes");
}

base::secret make_platform_key() {
    sha256_digest bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) std::abort();
    return base::secret(to_hex(bytes));
}

sealer::sealer(base::secret key, base::secret previous) {
    for (auto* entry : {&key, &previous}) {
        if (entry->empty()) continue;
        auto id = to_hex(sha256("platform key " + entry->reveal())).substr(0, id_length);
        keys_.push_back({.id = std::move(id), .key = std::move(*entry)});
    }
}

std::string sealer::seal(const base::secret& text, std::string_view purpose) const {
    const auto& key = keys_.front();
    auto bytes = random_bytes(salt_bytes);
    const auto context = begin(key.key, bytes, purpose, true);
    const auto& source = text.reveal();
    bytes.resize(salt_bytes + source.size() + seal_bytes);
    auto* out = reinterpret_cast<unsigned char*>(bytes.data()) + salt_bytes;
    int size = 0;
    int rest = 0;
    const bool is_done =
        EVP_CipherUpdate(context.get(), out, &size, bytes_of(source),
                         static_cast<int>(source.size())) == 1 &&
        EVP_CipherFinal_ex(context.get(), out + size, &rest) == 1 &&
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, static_cast<int>(seal_bytes),
                            out + source.size()) == 1;
    if (!is_done) std::abort();  // fails only without memory
    return std::string(version) + key.id + "." + base::to_base64_url(bytes);
}

base::outcome<base::secret> sealer::open(std::string_view sealed, std::string_view purpose) const {
    auto parts = split(sealed);
    if (!parts) return base::fail(errc::corrupt, "the text is not a sealed one");
    const auto key = std::ranges::find(keys_, parts->key_id, &named_key::id);
    if (key == keys_.end()) {
        return base::fail(errc::denied, "the text was sealed with another platform key");
    }
    auto& bytes = parts->bytes;
    const auto context =
        begin(key->key, std::string_view(bytes).substr(0, salt_bytes), purpose, false);
    const auto text_size = bytes.size() - salt_bytes - seal_bytes;
    auto* input = reinterpret_cast<unsigned char*>(bytes.data()) + salt_bytes;
    std::string text(text_size, '\0');
    auto* out = reinterpret_cast<unsigned char*>(text.data());
    int size = 0;
    int rest = 0;
    const bool is_genuine =
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, static_cast<int>(seal_bytes),
                            input + text_size) == 1 &&
        EVP_CipherUpdate(context.get(), out, &size, input, static_cast<int>(text_size)) == 1 &&
        EVP_CipherFinal_ex(context.get(), out + size, &rest) == 1;
    base::secret result(std::move(text));
    if (is_genuine) return result;
    return base::fail(errc::denied, "the sealed text was changed or has another purpose");
}

bool sealer::needs_reseal(std::string_view sealed) const {
    const auto parts = split(sealed);
    return parts && parts->key_id != keys_.front().id;
}

std::string sealer::sign(std::string_view text, std::string_view purpose) const {
    return signature_of(keys_.front().id, keys_.front().key, text, purpose);
}

base::outcome<void> sealer::verify(std::string_view text, std::string_view signature,
                                   std::string_view purpose) const {
    const auto id = signature.substr(0, signature.find('.'));
    const auto key = std::ranges::find(keys_, id, &named_key::id);
    if (key == keys_.end()) {
        return base::fail(errc::denied, "the text was signed with another platform key");
    }
    if (equals_secretly(signature_of(key->id, key->key, text, purpose), signature)) {
        return base::ok();
    }
    return base::fail(errc::denied, "the signed text was changed or has another purpose");
}

}  // namespace token
