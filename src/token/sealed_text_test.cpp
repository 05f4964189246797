#include "token/sealed_text.hpp"

#include <gtest/gtest.h>

namespace {

base::secret key_of(char c) {
    return token::parse_platform_key(std::string(64, c)).value();
}

TEST(sealer, opens_what_it_seals_for_the_same_purpose) {
    const token::sealer sealer(key_of('a'));
    for (const auto* text :
         {"", "x", "a longer text of several blocks, of more than 64 bytes ..."}) {
        const auto sealed = sealer.seal(base::secret(text), "test");
        EXPECT_EQ(sealer.open(sealed, "test")->reveal(), text);
        EXPECT_EQ(sealer.open(sealed, "tests").error().code, base::errc::denied);
        EXPECT_NE(sealer.seal(base::secret(text), "test"), sealed);
    }
}

TEST(sealer, rejects_every_changed_byte) {
    const token::sealer sealer(key_of('a'));
    const auto sealed = sealer.seal(base::secret("secret"), "test");
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        auto changed = sealed;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        const auto opened = sealer.open(changed, "test");
        // The last character of base64 has unused bits.
        if (opened) EXPECT_EQ(i + 1, sealed.size());
    }
    for (const auto* text : {"", "s1.", "s1.aaaaaaaa.", "s1.aaaaaaaa.AAAA", "x"}) {
        EXPECT_EQ(sealer.open(text, "test").error().code, base::errc::corrupt) << text;
    }
}

TEST(sealer, opens_with_the_previous_key_and_seals_with_the_present_one) {
    const token::sealer before(key_of('a'));
    const auto sealed = before.seal(base::secret("secret"), "test");
    const token::sealer rotating(key_of('b'), key_of('a'));
    EXPECT_EQ(rotating.open(sealed, "test")->reveal(), "secret");
    EXPECT_TRUE(rotating.needs_reseal(sealed));
    const auto again = rotating.seal(base::secret("secret"), "test");
    EXPECT_FALSE(rotating.needs_reseal(again));
    const token::sealer after(key_of('b'));
    EXPECT_EQ(after.open(again, "test")->reveal(), "secret");
    EXPECT_EQ(after.open(sealed, "test").error().code, base::errc::denied);
}

TEST(sealer, verifies_its_signatures_alone) {
    const token::sealer sealer(key_of('a'));
    const auto signature = sealer.sign("text", "test");
    EXPECT_EQ(signature.size(), token::signature_length);
    EXPECT_TRUE(sealer.verify("text", signature, "test"));
    EXPECT_TRUE(token::sealer(key_of('b'), key_of('a')).verify("text", signature, "test"));
    EXPECT_EQ(sealer.verify("texts", signature, "test").error().code, base::errc::denied);
    EXPECT_EQ(sealer.verify("text", signature, "tests").error().code, base::errc::denied);
    EXPECT_EQ(token::sealer(key_of('b')).verify("text", signature, "test").error().code,
              base::errc::denied);
    for (std::size_t i = 0; i < signature.size(); ++i) {
        auto changed = signature;
        changed[i] = changed[i] == 'a' ? 'b' : 'a';
        EXPECT_FALSE(sealer.verify("text", changed, "test")) << i;
    }
    EXPECT_FALSE(sealer.verify("text", "", "test"));
}

TEST(platform_key, is_read_in_both_spellings) {
    EXPECT_TRUE(token::parse_platform_key(token::make_platform_key().reveal() + "\n"));
    EXPECT_TRUE(token::parse_platform_key("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
    for (const auto* text : {"", "short", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="}) {
        const auto key = token::parse_platform_key(text);
        EXPECT_EQ(key.error().code, base::errc::invalid);
    }
    EXPECT_FALSE(token::parse_platform_key(std::string(64, 'g')));
}

}  // namespace
