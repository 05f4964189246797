#include "token/digest_key.hpp"

#include <gtest/gtest.h>

#include "token/random_secret.hpp"

namespace {

std::string_view view_of(const token::sha256_digest& digest) {
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

TEST(digest_key, equals_the_hmac_of_openssl) {
    for (const auto& secret : {base::secret("k"), base::secret(std::string(64, 'x')),
                               token::make_random_secret(), token::make_random_secret()}) {
        const auto digest = token::sha256("text");
        EXPECT_EQ(token::digest_key(secret).sign(digest),
                  token::hmac_sha256(secret, view_of(digest)));
    }
}

TEST(digest_key, gives_each_key_and_each_secret_another_digest) {
    const token::digest_key key(base::secret("one"));
    const auto digest = token::sha256("text");
    EXPECT_EQ(key.sign(digest), key.sign(digest));
    EXPECT_NE(key.sign(digest), digest);
    EXPECT_NE(key.sign(digest), key.sign(token::sha256("text2")));
    EXPECT_NE(key.sign(digest), token::digest_key(base::secret("two")).sign(digest));
}

TEST(stored_digest, matches_its_secret_alone) {
    const auto digest = token::sha256("text");
    const auto key = std::make_shared<const token::digest_key>(base::secret("one"));
    const auto other = std::make_shared<const token::digest_key>(base::secret("two"));
    const token::stored_digest bare{.value = digest};
    const token::stored_digest keyed{.value = key->sign(digest), .key = key};
    EXPECT_TRUE(token::matches(digest, bare));
    EXPECT_TRUE(token::matches(digest, keyed));
    EXPECT_FALSE(token::matches(token::sha256("text2"), bare));
    EXPECT_FALSE(token::matches(token::sha256("text2"), keyed));
    EXPECT_FALSE(token::matches(digest, {.value = keyed.value, .key = other}));
    EXPECT_FALSE(token::matches(digest, {.value = keyed.value}));
    EXPECT_FALSE(token::matches(digest, {}));
}

}  // namespace
