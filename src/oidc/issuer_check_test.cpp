#include "oidc/issuer_check.hpp"

#include <gtest/gtest.h>

#include "base/time_text.hpp"
#include "test/support/fake_issuer.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/poll_until_done.hpp"

namespace {

using namespace std::chrono_literals;

class issuer_check : public testing::Test {
  protected:
    base::outcome<oidc::issuer_report> check() {
        return fakes::poll_until_done<oidc::issuer_report>(
            loop_, [&] { return oidc::check_issuer(fake_, options_, clock_); });
    }

    aio::loop loop_;
    fakes::manual_clock clock_;
    fakes::fake_issuer fake_{"https://id.example", clock_};
    oidc::issuer_options options_{.name = "corp", .url = "https://id.example"};
};

TEST_F(issuer_check, reports_the_keys_the_device_grant_and_the_clock) {
    const auto report = check();
    ASSERT_TRUE(report) << report.error().text;
    EXPECT_EQ(report->keys, 1U);
    EXPECT_TRUE(report->has_device_grant);
    EXPECT_EQ(report->clock_offset, std::nullopt);
    fake_.date = "Sun, 06 Nov 1994 08:49:37 GMT";
    EXPECT_EQ(check()->clock_offset,
              std::chrono::round<std::chrono::seconds>(*base::from_rfc3339("1994-11-06T08:49:37Z") -
                                                       clock_.utc_now()));
}

TEST_F(issuer_check, names_the_document_that_cannot_be_used) {
    fake_.status = 404;
    EXPECT_EQ(check().error().text,
              "discovery: https://id.example/.well-known/openid-configuration: status 404");
    fake_.status = 200;
    options_.url = "https://id.example/";
    EXPECT_TRUE(check().error().text.contains("belongs to another issuer"));
    options_.url = "https://id.example";
    fake_.failure = base::errc::timed_out;
    EXPECT_EQ(check().error().code, base::errc::timed_out);
}

TEST(read_date, reads_the_form_of_http_alone) {
    EXPECT_EQ(oidc::read_date("Sun, 06 Nov 1994 08:49:37 GMT"),
              base::from_rfc3339("1994-11-06T08:49:37Z"));
    for (const auto* text : {"", "Sun, 06 Nov 1994 08:49:37", "Sunday, 06-Nov-94 08:49:37 GMT",
                             "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 99 Nov 1994 08:49:37 GMT"}) {
        EXPECT_FALSE(oidc::read_date(text)) << text;
    }
}

}  // namespace
