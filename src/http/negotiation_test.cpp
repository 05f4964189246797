#include "http/negotiation.hpp"

#include <gtest/gtest.h>

namespace {

TEST(accepts_gzip, reads_weights_and_wildcards) {
    for (const auto* header :
         {"gzip", "br, gzip", "gzip;q=0.5", "gzip ; q=1", "*", "x-gzip", "*;q=0, gzip"}) {
        EXPECT_TRUE(http::accepts_gzip(header)) << header;
    }
    for (const auto* header :
         {"", "br", "gzip;q=0", "gzip; q=0.000", "*;q=0", "*, gzip;q=0", "notgzip"}) {
        EXPECT_FALSE(http::accepts_gzip(header)) << header;
    }
}

TEST(accepts_json, allows_wildcards_and_a_missing_header) {
    for (const auto* header : {"", "*/*", "text/html, application/json", "application/*"}) {
        EXPECT_TRUE(http::accepts_json(header)) << header;
    }
    EXPECT_FALSE(http::accepts_json("text/html"));
}

TEST(media_type, drops_parameters_and_blanks) {
    EXPECT_EQ(http::media_type(" application/json ; charset=utf-8"), "application/json");
    EXPECT_EQ(http::media_type(""), "");
}

TEST(media_type_parameter, reads_quotes_and_ignores_the_case_of_names) {
    EXPECT_EQ(http::media_type_parameter("a/b; Charset = \"UTF-8\" ;c=d", "charset"), "UTF-8");
    EXPECT_EQ(http::media_type_parameter("a/b;x;c=d", "c"), "d");
    EXPECT_EQ(http::media_type_parameter("a/b;c=", "c"), "");
    EXPECT_EQ(http::media_type_parameter("a/b; x=charset", "charset"), std::nullopt);
    EXPECT_EQ(http::media_type_parameter("charset=utf-8", "charset"), std::nullopt);
}

}  // namespace
