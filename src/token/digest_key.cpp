#include "token/digest_key.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstdlib>
#include <string>

namespace token {
namespace {

constexpr std::size_t block_bytes = 64;
using message = std::array<char, block_bytes + std::tuple_size_v<sha256_digest>>;

base::secret block_of(const base::secret& key, char pad) {
    auto block = key.reveal();
    block.resize(block_bytes, '\0');
    for (char& c : block) c = static_cast<char>(c ^ pad);
    return base::secret(std::move(block));
}

sha256_digest digest_of(const base::secret& block, const sha256_digest& digest) {
    message bytes{};
    const auto end = std::ranges::copy(block.reveal(), bytes.begin()).out;
    std::ranges::transform(digest, end, [](unsigned char byte) { return static_cast<char>(byte); });
    const auto result = sha256({bytes.data(), bytes.size()});
    OPENSSL_cleanse(bytes.data(), bytes.size());
    return result;
}

std::string_view view_of(const sha256_digest& digest) noexcept {
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace

digest_key::digest_key(const base::secret& key) {
    if (key.reveal().size() > block_bytes) std::abort();
    inner_ = block_of(key, '\x36');
    outer_ = block_of(key, '\x5c');
}

sha256_digest digest_key::sign(const sha256_digest& digest) const {
    return digest_of(outer_, digest_of(inner_, digest));
}

bool matches(const sha256_digest& digest, const stored_digest& stored) {
    const auto actual = stored.key ? stored.key->sign(digest) : digest;
    return equals_secretly(view_of(actual), view_of(stored.value));
}

}  // namespace token
