#include "token/passphrase_seal.hpp"

#include <gtest/gtest.h>

namespace {

using base::errc;
const base::secret passphrase("correct horse battery staple");

TEST(passphrase_seal, round_trips_texts_of_every_size) {
    for (const std::size_t size : {0UZ, 1UZ, 3'000'000UZ}) {
        const std::string text(size, 'x');
        const auto sealed = token::seal(passphrase, text);
        ASSERT_TRUE(sealed);
        EXPECT_TRUE(token::is_sealed(*sealed));
        EXPECT_FALSE(size > 1 && sealed->contains(std::string(16, 'x')));
        EXPECT_EQ(token::unseal(passphrase, *sealed), text);
    }
}

TEST(passphrase_seal, differs_each_time) {
    EXPECT_NE(*token::seal(passphrase, "text"), *token::seal(passphrase, "text"));
}

TEST(passphrase_seal, rejects_another_passphrase_and_every_change) {
    const auto sealed = *token::seal(passphrase, "text");
    EXPECT_EQ(token::unseal(base::secret("another"), sealed).error().code, errc::denied);
    for (std::size_t i = 15; i < sealed.size(); i += 7) {
        auto changed = sealed;
        changed[i] = static_cast<char>(changed[i] ^ 1);
        EXPECT_EQ(token::unseal(passphrase, changed).error().code, errc::denied) << i;
    }
    EXPECT_EQ(token::unseal(passphrase, sealed.substr(0, sealed.size() - 1)).error().code,
              errc::denied);
}

TEST(passphrase_seal, rejects_what_is_not_sealed) {
    for (const std::string text : {"", "plain", "dbaas-sealed-1\nshort"}) {
        EXPECT_EQ(token::unseal(passphrase, text).error().code, errc::corrupt);
    }
    EXPECT_EQ(token::seal(base::secret(""), "text").error().code, errc::invalid);
}

}  // namespace
