// Requests with a token that another system verifies, from the connection to the response.

#include <gtest/gtest.h>

#include "app/identity/external_authenticator.hpp"
#include "test/support/api_stage.hpp"
#include "test/support/fake_token_verifier.hpp"

namespace {

using namespace std::chrono_literals;

const std::string account = "system:serviceaccount:shop:ci";
const http::headers as_account{{"Authorization", "Bearer ext.good"}};

class credential_lookup : public fakes::api_handler {
  protected:
    void SetUp() override {
        verifier_.identities["ext.good"] = {
            .subject = account, .credential = "kubernetes", .expires_at = clock_.utc_now() + 1h};
        api_handler::SetUp();
        ASSERT_EQ(post("/api/v1/projects", R"({"name":"shop"})").status, 201U);
    }
    const ports::authenticator& authenticator() override {
        const auto platform = service_->interfaces();
        external_ = std::make_unique<app::external_authenticator>(
            app::external_authenticator::deps{.executor = loop_.executor(),
                                              .own = authenticator_,
                                              .members = platform.members,
                                              .roles = platform.roles,
                                              .users = platform.users,
                                              .clock = clock_,
                                              .log = log_},
            app::external_authenticator_options{});
        external_->use({{std::shared_ptr<void>(), &verifier_}});  // the test owns it
        return *external_;
    }
    ports::credential_lookup* lookup() override { return external_.get(); }

    fakes::fake_token_verifier verifier_;
    std::unique_ptr<app::external_authenticator> external_;
};

TEST_F(credential_lookup, reads_and_writes_with_the_roles_of_the_account) {
    const std::string body = R"({"project":"shop","engine":"redis","name":"carts"})";
    EXPECT_EQ(post("/api/v1/databases", body, as_account).status, 403U);
    const auto granted = ask(http::method::put, "/api/v1/projects/shop/members/" + account,
                             R"({"role":"developer"})");
    ASSERT_EQ(granted.status, 201U) << granted.body.to_string();
    EXPECT_EQ(post("/api/v1/databases", body, as_account).status, 202U);
    const auto caller = json_of(get("/api/v1/auth/whoami", as_account));
    EXPECT_EQ(std::string_view(caller.at("subject").as_string()), account);
    EXPECT_EQ(caller.at("credential"), "kubernetes");
    EXPECT_EQ(caller.at("roles").at("shop"), "developer");
    EXPECT_EQ(verifier_.calls, 1);
    ask(http::method::del, "/api/v1/projects/shop/members/system%3Aserviceaccount%3Ashop%3Aci");
    EXPECT_EQ(json_of(get("/api/v1/databases", as_account)).at("code"), "denied");
}

TEST_F(credential_lookup, an_invalid_token_is_a_401) {
    const auto response = get("/api/v1/databases", {{"Authorization", "Bearer ext.bad"}});
    EXPECT_EQ(response.status, 401U);
    EXPECT_EQ(response.headers.get("WWW-Authenticate"), "Bearer");
    EXPECT_FALSE(response.body.to_string().contains("ext.bad"));
}

TEST_F(credential_lookup, an_unknown_token_is_a_503_while_the_verifier_is_away) {
    verifier_.failure = base::errc::unavailable;
    const auto response = get("/api/v1/databases", as_account);
    EXPECT_EQ(response.status, 503U);
    EXPECT_EQ(response.headers.get("Retry-After"), "5");
    EXPECT_EQ(code_of(response), "identity_unavailable");
    EXPECT_EQ(get("/health/live", as_account).status, 200U);
}

TEST_F(credential_lookup, a_request_has_one_id_and_one_log_line) {
    auto headers = as_account;
    headers.add("X-Request-Id", "mine-1");
    const auto before = log_.lines_of("request").size();
    const auto response = get("/api/v1/auth/whoami", headers);
    EXPECT_EQ(response.headers.get("X-Request-Id"), "mine-1");
    const auto lines = log_.lines_of("request");
    ASSERT_EQ(lines.size(), before + 1);
    EXPECT_TRUE(lines.back().contains("credential=kubernetes")) << lines.back();
    EXPECT_FALSE(lines.back().contains("ext.good")) << lines.back();
}

TEST_F(credential_lookup, a_stream_opens_with_a_token) {
    ask(http::method::put, "/api/v1/projects/shop/members/" + account, R"({"role":"viewer"})");
    EXPECT_TRUE(snapshot(as_account).contains(R"("id":"shop")"));
}

}  // namespace
