#include "main/doctor_certificates.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/base64.hpp"
#include "test/support/certificates.hpp"

namespace {

using doctor::result;
using std::chrono::days;

class doctor_certificates : public testing::Test {
  protected:
    static json::object webhook(std::string_view group, std::string_view pem) {
        return json::parse(fmt::format(R"({{"metadata":{{"name":"validators"}},"webhooks":[{{)"
                                       R"("clientConfig":{{"caBundle":"{}"}},)"
                                       R"("rules":[{{"apiGroups":["{}"]}}]}}]}})",
                                       base::to_base64(pem), group))
            .get_object();
    }

    fakes::certificate_authority authority_{"authority"};
    std::string pem_ = authority_.issue({.common_name = "dbaas"}).certificate;
    base::instant now_ = base::system_clock().utc_now();  // as the authority uses it
};

TEST(examine_dates, judges_a_certificate_by_the_days_that_are_left) {
    const base::instant since(days(20'000));
    const http::certificate_dates dates{
        .subject = "dbaas", .valid_since = since, .expires_at = since + days(90)};
    struct row {
        int day;
        doctor::result result;
        const char* detail;
    };
    for (const auto& [day, result, detail] :
         {row{0, result::ok, "'dbaas' is valid until 2025-01-02T00:00:00Z (90 days left)"},
          row{76, result::ok, "(14 days left)"}, row{77, result::warning, "(13 days left)"},
          row{90, result::failed, "'dbaas' expired at 2025-01-02"},
          row{-1, result::failed, "'dbaas' is valid from 2024-10-04T00:00:00Z on"}}) {
        const auto entry = doctor::examine_dates("certificate", dates, since + days(day));
        EXPECT_EQ(entry.result, result) << entry.detail;
        EXPECT_TRUE(entry.detail.contains(detail)) << entry.detail;
        EXPECT_EQ(entry.advice.empty(), result == result::ok);
    }
}

TEST_F(doctor_certificates, judges_the_first_certificate_of_a_chain) {
    const auto expired = authority_.issue({.common_name = "old", .has_expired = true}).certificate;
    EXPECT_NE(doctor::examine_certificate("c", pem_ + expired, now_).result, result::failed);
    EXPECT_EQ(doctor::examine_certificate("c", expired + pem_, now_).result, result::failed);
    EXPECT_EQ(doctor::examine_certificate("c", "nothing", now_).result, result::failed);
}

TEST_F(doctor_certificates, judges_the_authorities_of_kubedbs_webhooks) {
    const auto expired = authority_.issue({.common_name = "old", .has_expired = true}).certificate;
    EXPECT_EQ(doctor::examine_webhooks({}, now_).result, result::warning);
    EXPECT_EQ(doctor::examine_webhooks({webhook("apps", expired)}, now_).result, result::warning);
    EXPECT_NE(doctor::examine_webhooks({webhook("kubedb.com", pem_)}, now_).result, result::failed);
    EXPECT_NE(doctor::examine_webhooks({webhook("kubedb.com", "")}, now_).result, result::failed);
    // A bundle with an old and a new authority is valid.
    EXPECT_NE(doctor::examine_webhooks({webhook("kubedb.com", expired + pem_)}, now_).result,
              result::failed);
    const auto entry = doctor::examine_webhooks(
        {webhook("kubedb.com", pem_), webhook("ops.kubedb.com", expired)}, now_);
    EXPECT_EQ(entry.result, result::failed);
    EXPECT_TRUE(entry.detail.starts_with("validators: 'old' expired at ")) << entry.detail;
}

}  // namespace
