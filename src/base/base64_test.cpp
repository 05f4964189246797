#include "base/base64.hpp"

#include <gtest/gtest.h>

namespace base {
namespace {

TEST(base64, matches_the_test_vectors_of_rfc_4648) {
    const std::pair<std::string_view, std::string_view> vectors[] = {{"", ""},
                                                                     {"f", "Zg=="},
                                                                     {"fo", "Zm8="},
                                                                     {"foo", "Zm9v"},
                                                                     {"foob", "Zm9vYg=="},
                                                                     {"fooba", "Zm9vYmE="},
                                                                     {"foobar", "Zm9vYmFy"}};
    for (const auto& [bytes, text] : vectors) {
        EXPECT_EQ(to_base64(bytes), text);
        EXPECT_EQ(from_base64(text), bytes);
        EXPECT_EQ(from_base64(to_base64_url(bytes)), bytes);
    }
}

TEST(base64, round_trips_every_byte_in_both_alphabets) {
    std::string all;
    for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
    EXPECT_EQ(from_base64(to_base64(all)), all);
    EXPECT_EQ(from_base64(to_base64_url(all)), all);
    EXPECT_EQ(to_base64_url(all).find_first_of("+/="), std::string::npos);
}

TEST(base64, skips_white_space_and_rejects_other_characters) {
    EXPECT_EQ(from_base64("Zm9v\n  YmFy\r\n"), "foobar");
    for (const auto* bad : {"Zm9v!", "Z", "Zg=a", "Zg=", "Zg===", "=", "Zm9vY", "Zm\x80v"}) {
        EXPECT_FALSE(from_base64(bad)) << bad;
    }
}

}  // namespace
}  // namespace base
