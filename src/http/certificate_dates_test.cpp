#include "http/certificate_dates.hpp"

#include <gtest/gtest.h>

#include "test/support/certificates.hpp"

namespace {

TEST(read_certificates, returns_each_certificate_with_its_dates) {
    const fakes::certificate_authority authority("authority");
    const auto valid = authority.issue({.common_name = "dbaas.example.com"});
    const auto expired = authority.issue({.common_name = "old", .has_expired = true});
    const auto dates = http::read_certificates(valid.certificate + "\n" + expired.certificate);
    ASSERT_TRUE(dates) << dates.error().text;
    ASSERT_EQ(dates->size(), 2U);
    const auto now = base::system_clock().utc_now();
    EXPECT_EQ((*dates)[0].subject, "dbaas.example.com");
    EXPECT_LE((*dates)[0].valid_since, now);
    EXPECT_GT((*dates)[0].expires_at, now);
    EXPECT_LT((*dates)[1].expires_at, now);
}

TEST(read_certificates, rejects_a_text_that_is_no_certificate) {
    const fakes::certificate_authority authority("authority");
    auto broken = authority.pem();
    broken.replace(broken.size() / 2, 4, "....");
    for (const auto& text :
         {std::string(), std::string("no certificate"), broken, authority.pem() + broken}) {
        const auto dates = http::read_certificates(text);
        ASSERT_FALSE(dates) << text;
        EXPECT_EQ(dates.error().code, base::errc::invalid);
    }
}

}  // namespace
