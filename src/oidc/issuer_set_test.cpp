#include "oidc/issuer_set.hpp"

#include <gtest/gtest.h>

#include "test/support/fake_issuer.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/recording_log.hpp"

namespace {

class issuer_set : public testing::Test {
  protected:
    static oidc::issuer_options options(const std::string& name, const std::string& secret = "s") {
        return {.name = name,
                .url = "https://" + name + ".example",
                .client_id = "client1",
                .client_secret = base::secret(secret)};
    }

    aio::loop loop_;
    fakes::manual_clock clock_;
    fakes::recording_log log_;
    fakes::fake_issuer fake_{"https://corp.example", clock_};
    oidc::issuer_set issuers_{
        {.executor = loop_.executor(), .fetcher = fake_, .clock = clock_, .log = log_},
        {options("corp"), options("partner")}};
};

TEST_F(issuer_set, keeps_an_issuer_whose_options_are_the_same) {
    const auto corp = issuers_.find("corp");
    const auto partner = issuers_.find("partner");
    issuers_.use({options("corp"), options("partner", "another secret"), options("lab")});
    EXPECT_EQ(issuers_.find("corp"), corp);
    EXPECT_NE(issuers_.find("partner"), partner);
    EXPECT_EQ(issuers_.find("partner")->options().client_secret.reveal(), "another secret");
    EXPECT_EQ(*issuers_.names(), (oidc::issuer_set::name_list{"corp", "partner", "lab"}));
}

TEST_F(issuer_set, an_issuer_that_is_in_use_outlives_its_removal) {
    const auto corp = issuers_.find("corp");
    issuers_.use({});
    EXPECT_EQ(issuers_.find("corp"), nullptr);
    EXPECT_TRUE(issuers_.names()->empty());
    EXPECT_EQ(corp->options().name, "corp");
}

}  // namespace
