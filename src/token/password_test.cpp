#include "token/password.hpp"

#include <gtest/gtest.h>

namespace {

constexpr token::password_parameters cheap{.memory_kibibytes = 8, .passes = 1, .concurrent_max = 1};

TEST(password_hasher, verifies_its_own_hashes) {
    token::password_hasher hasher(cheap);
    const base::secret password("correct horse");
    const auto hash = hasher.hash(password);
    ASSERT_TRUE(hash) << hash.error().text;
    EXPECT_TRUE(hash->starts_with("$argon2id$v=19$m=8,t=1,p=1$")) << *hash;
    EXPECT_FALSE(hash->contains("correct"));
    EXPECT_NE(hasher.hash(password).value(), *hash);  // another salt
    EXPECT_TRUE(hasher.verify(password, *hash).value());
    EXPECT_FALSE(hasher.verify(base::secret("correct horsE"), *hash).value());
    EXPECT_FALSE(hasher.verify(password, "").value());
}

TEST(password_hasher, rejects_stored_hashes_that_it_cannot_bound) {
    token::password_hasher hasher(cheap);
    for (const std::string hash :
         {"x", "$2b$10$abcdefghijklmnopqrstuv", "$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA",
          "$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHQ$aGFzaA",
          "$argon2id$v=19$m=8,t=4000000000,p=1$c2FsdHNhbHQ$aGFzaA",
          "$argon2id$v=19$m=8,t=1,p=64$c2FsdHNhbHQ$aGFzaA", "$argon2id$v=19$m=8,t=1,p=1$!"}) {
        const auto verified = hasher.verify(base::secret("x"), hash);
        ASSERT_FALSE(verified) << hash;
        EXPECT_EQ(verified.error().code, base::errc::corrupt) << hash;
    }
}

TEST(password_hasher, bounds_the_hashes_that_run_at_the_same_time) {
    token::password_hasher hasher({.memory_kibibytes = 8, .passes = 1, .concurrent_max = 0});
    EXPECT_EQ(hasher.hash(base::secret("x")).error().code, base::errc::unavailable);
    EXPECT_EQ(hasher.verify(base::secret("x"), "").error().code, base::errc::unavailable);
}

TEST(password_hasher, rejects_a_long_password) {
    token::password_hasher hasher(cheap);
    const base::secret password(std::string(token::password_hasher::password_bytes_max + 1, 'x'));
    const auto hash = hasher.hash(password);
    ASSERT_FALSE(hash);
    EXPECT_EQ(hash.error().code, base::errc::invalid);
}

TEST(password_hasher, finds_hashes_with_weaker_parameters) {
    token::password_hasher weak(cheap);
    const token::password_hasher strong({.memory_kibibytes = 16, .passes = 1});
    const auto hash = weak.hash(base::secret("x")).value();
    EXPECT_FALSE(weak.needs_rehash(hash));
    EXPECT_TRUE(strong.needs_rehash(hash));
    EXPECT_TRUE(weak.needs_rehash("x"));
}

}  // namespace
