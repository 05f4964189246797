#include "oidc/login_provider.hpp"

#include <gtest/gtest.h>

#include "oidc/login_state.hpp"
#include "test/support/fake_issuer.hpp"
#include "test/support/fake_login_register.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/poll_until_done.hpp"
#include "test/support/recording_log.hpp"

namespace {

using namespace std::chrono_literals;
using base::errc;

class login_provider : public testing::Test {
  protected:
    login_provider() {
        options_.rules = {{.group = "devs", .project = "shop", .role = "developer"}};
        make();
    }
    void make() {
        issuers_ = std::make_unique<oidc::issuer_set>(
            deps(), std::vector{options_, oidc::issuer_options{.name = "other",
                                                               .url = "https://other.example",
                                                               .client_id = "client1"}});
        provider_ = make_replica();
    }
    std::unique_ptr<ports::identity_provider> make_replica() {
        return oidc::make_login_provider(deps(), used_, *issuers_,
                                         {.public_url = "https://dbaas.example"});
    }
    oidc::issuer::deps deps() {
        return {.executor = loop_.executor(), .fetcher = fake_, .clock = clock_, .log = log_};
    }
    ports::login_start start(const std::string& name = "corp") {
        auto started = fakes::poll_until_done<ports::login_start>(
            loop_, [&] { return provider_->start_login(name); });
        EXPECT_TRUE(started);
        return started.value_or(ports::login_start{});
    }
    // The callback of a browser in which the login was authorized.
    ports::login_callback authorized(const ports::login_start& begun) {
        auto code = fake_.authorize(begun.url);
        return {.code = base::secret(std::move(code)),
                .state = fake_.parameters["state"],
                .pre_login = begun.pre_login};
    }
    base::outcome<ports::external_user> finish(ports::login_callback callback,
                                               const std::string& name = "corp") {
        return fakes::poll_until_done<ports::external_user>(
            loop_, [&] { return provider_->finish_login(name, callback); });
    }
    std::string reason_of(ports::login_callback callback, const std::string& name = "corp") {
        const auto user = finish(std::move(callback), name);
        return user ? std::string() : user.error().reason;
    }
    std::string poll(const std::string& code = "d1") {
        const auto user = fakes::poll_until_done<ports::external_user>(
            loop_, [&] { return provider_->finish_device("corp", base::secret(code)); });
        return user ? user->subject : user.error().reason;
    }

    aio::loop loop_;
    fakes::manual_clock clock_;
    fakes::recording_log log_;
    fakes::fake_issuer fake_{"https://id.example", clock_};
    oidc::issuer_options options_{.name = "corp",
                                  .url = "https://id.example",
                                  .client_id = "client1",
                                  .client_secret = base::secret("s:1"),
                                  .user_prefix = "corp."};
    fakes::fake_login_register used_;
    std::unique_ptr<oidc::issuer_set> issuers_;
    std::unique_ptr<ports::identity_provider> provider_;
};

TEST_F(login_provider, completes_the_code_flow_with_pkce) {
    fake_.further_claims = R"(,"groups":["devs"],"email":"ada@example.com","email_verified":true)";
    const auto begun = start();
    const auto callback = authorized(begun);
    EXPECT_TRUE(begun.url.starts_with("https://id.example/authorize?response_type=code&"));
    EXPECT_EQ(fake_.parameters["code_challenge_method"], "S256");
    EXPECT_EQ(fake_.parameters["redirect_uri"],
              "https://dbaas.example/api/v1/auth/oidc/corp/callback");
    EXPECT_FALSE(begun.url.contains(begun.pre_login.reveal().substr(0, 43)));
    const auto user = finish(callback);
    ASSERT_TRUE(user) << user.error().text;
    EXPECT_EQ(user->subject, "corp.ada");
    EXPECT_EQ(user->method, "oidc:corp");
    EXPECT_EQ(user->email, "ada@example.com");
    EXPECT_EQ(user->roles.at("shop"), std::vector<std::string>{"developer"});
    EXPECT_TRUE(user->managed_projects.contains("shop"));
    EXPECT_EQ(fake_.last_headers.get("Authorization"), "");  // the keys were fetched last
}

TEST_F(login_provider, sends_the_secret_of_the_client_in_its_header_alone) {
    finish(authorized(start()));
    // The token endpoint is the last request, because the keys are known.
    finish(authorized(start()));
    EXPECT_EQ(fake_.last_headers.get("Authorization"), "Basic Y2xpZW50MTpzJTNBMQ==");
}

TEST_F(login_provider, rejects_a_state_of_another_browser) {
    const auto begun = start();
    const auto victim = start();
    auto callback = authorized(begun);
    callback.pre_login = victim.pre_login;  // session fixation: the code of the attacker
    EXPECT_EQ(reason_of(callback), "state");
    callback.pre_login = base::secret();
    EXPECT_EQ(reason_of(callback), "no_login");
    EXPECT_EQ(fake_.requests["/token"], 0);
}

TEST_F(login_provider, rejects_changed_states_and_cookies) {
    const auto good = authorized(start());
    for (const std::string state : {"", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}) {
        auto callback = good;
        callback.state = state;
        EXPECT_EQ(reason_of(callback), "state");
    }
    for (const std::string& cookie :
         {std::string("x"), good.pre_login.reveal() + "0x", good.pre_login.reveal().substr(0, 44),
          good.pre_login.reveal().substr(0, 44) + "-1", std::string(9000, 'a')}) {
        auto callback = good;
        callback.pre_login = base::secret(cookie);
        EXPECT_EQ(reason_of(callback), "no_login") << cookie;
    }
    EXPECT_EQ(fake_.requests["/token"], 0);
}

TEST_F(login_provider, ends_a_login_after_10_minutes) {
    const auto callback = authorized(start());
    clock_.advance(10min);
    EXPECT_EQ(reason_of(callback), "no_login");
}

TEST_F(login_provider, rejects_an_id_token_with_another_nonce) {
    const auto callback = authorized(start());
    fake_.nonce = "another";
    EXPECT_EQ(reason_of(callback), "nonce");
    const auto second = authorized(start());
    fake_.nonce = "";
    EXPECT_EQ(reason_of(second), "nonce");
}

TEST_F(login_provider, rejects_the_callback_of_another_issuer) {
    const auto begun = start();
    auto callback = authorized(begun);
    callback.issuer = "https://evil.example";
    EXPECT_EQ(reason_of(callback), "issuer");
    // The same login at the callback of another issuer: its state differs.
    callback.issuer.clear();
    EXPECT_EQ(reason_of(callback, "other"), "state");
    EXPECT_EQ(reason_of(callback, "unknown"), "");
    EXPECT_EQ(finish(callback, "unknown").error().code, errc::not_found);
    EXPECT_EQ(fake_.requests["/token"], 0);
}

TEST_F(login_provider, requires_the_issuer_parameter_if_the_issuer_sends_it) {
    fake_.further_metadata = R"(,"authorization_response_iss_parameter_supported":true)";
    EXPECT_EQ(reason_of(authorized(start())), "issuer");
    auto callback = authorized(start());
    callback.issuer = "https://id.example";
    EXPECT_EQ(reason_of(callback), "");
}

TEST_F(login_provider, uses_a_code_once_and_only_with_its_verifier) {
    const auto first = authorized(start());
    EXPECT_EQ(reason_of(first), "");
    EXPECT_EQ(reason_of(first), "login_used");
    EXPECT_EQ(fake_.requests["/token"], 1);
    // A code that was injected into another login fails at PKCE.
    const auto injected = authorized(start());
    const auto begun = start();
    const auto values = oidc::derive_login(begun.pre_login, "corp", clock_.utc_now());
    EXPECT_EQ(
        reason_of({.code = injected.code, .state = values->state, .pre_login = begun.pre_login}),
        "invalid_grant");
}

TEST_F(login_provider, accepts_a_state_once_on_all_replicas) {
    const auto callback = authorized(start());
    EXPECT_EQ(reason_of(callback), "");
    provider_ = make_replica();
    EXPECT_EQ(reason_of(callback), "login_used");
    auto reloaded = callback;  // the browser has deleted the cookie
    reloaded.pre_login = base::secret();
    EXPECT_EQ(reason_of(reloaded), "login_used");
    EXPECT_FALSE(used_.used.contains(callback.state));  // the store has a digest alone
}

TEST_F(login_provider, a_failed_login_uses_the_state) {
    auto callback = authorized(start());
    callback.error = "access_denied";
    EXPECT_EQ(reason_of(callback), "access_denied");
    callback.error.clear();
    EXPECT_EQ(reason_of(callback), "login_used");
    EXPECT_EQ(fake_.requests["/token"], 0);
}

TEST_F(login_provider, completes_no_login_while_the_register_is_away) {
    const auto callback = authorized(start());
    used_.failure = errc::unavailable;
    EXPECT_EQ(finish(callback).error().code, errc::unavailable);
    used_.failure.reset();
    EXPECT_EQ(reason_of(callback), "");
}

TEST_F(login_provider, uses_a_changed_secret_of_the_client) {
    const auto callback = authorized(start());
    options_.client_secret = base::secret("new");
    issuers_->use({options_});
    EXPECT_EQ(reason_of(callback), "");
    finish(authorized(start()));
    EXPECT_EQ(fake_.last_headers.get("Authorization"), "Basic Y2xpZW50MTpuZXc=");
    EXPECT_EQ(provider_->issuers(), std::vector<std::string>{"corp"});
    issuers_->use({});
    EXPECT_EQ(finish({}).error().code, errc::not_found);
}

TEST_F(login_provider, does_not_start_without_s256) {
    fake_.further_metadata = R"(,"code_challenge_methods_supported":["plain"])";
    const auto started = fakes::poll_until_done<ports::login_start>(
        loop_, [&] { return provider_->start_login("corp"); });
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, errc::unavailable);
}

TEST_F(login_provider, rejects_errors_and_missing_codes) {
    for (const auto& [error, reason] :
         {std::pair("access_denied", "access_denied"), std::pair("<script>", "issuer_error")}) {
        auto callback = authorized(start());
        callback.error = error;
        EXPECT_EQ(reason_of(callback), reason);
    }
    for (const std::size_t length : {0U, 5000U}) {
        auto callback = authorized(start());
        callback.code = base::secret(std::string(length, 'c'));
        EXPECT_EQ(reason_of(callback), "code");
    }
}

TEST_F(login_provider, rejects_id_tokens_of_other_clients_and_keys) {
    auto callback = authorized(start());
    fake_.audience = "another";
    EXPECT_EQ(reason_of(callback), "id_token");
    fake_.audience = "client1";
    EXPECT_EQ(reason_of(authorized(start())), "");
    fake_.key = fakes::issuer_key::make_p256("k1");  // the same id, another key
    EXPECT_EQ(reason_of(authorized(start())), "id_token");
}

TEST_F(login_provider, survives_a_rotation_of_the_keys) {
    EXPECT_EQ(reason_of(authorized(start())), "");
    clock_.advance(1min);
    fake_.key = fakes::issuer_key::make_rsa("k2");
    EXPECT_EQ(reason_of(authorized(start())), "");
}

TEST_F(login_provider, completes_the_device_grant) {
    const auto begun = fakes::poll_until_done<ports::device_start>(
        loop_, [&] { return provider_->start_device("corp"); });
    ASSERT_TRUE(begun);
    EXPECT_EQ(begun->user_code, "ABCD");
    EXPECT_EQ(begun->interval, 5s);
    EXPECT_EQ(begun->expires_in, 600s);
    EXPECT_EQ(poll(), "authorization_pending");
    EXPECT_EQ(poll(), "slow_down");
    EXPECT_EQ(fake_.requests["/token"], 1);  // a poll that is too early does not reach the issuer
    clock_.advance(5s);
    fake_.device_state = "slow_down";
    EXPECT_EQ(poll(), "slow_down");
    clock_.advance(5s);
    fake_.device_state = "";
    EXPECT_EQ(poll(), "corp.ada");
}

TEST_F(login_provider, passes_on_the_errors_of_the_device_grant) {
    for (const std::string error : {"access_denied", "expired_token"}) {
        fake_.device_state = error;
        EXPECT_EQ(poll(error), error);
    }
    fake_.device_state = "invalid_client";
    EXPECT_EQ(poll("x"), "invalid_grant");
    EXPECT_EQ(poll(""), "invalid_grant");
}

TEST_F(login_provider, is_unavailable_while_the_issuer_is_away) {
    fake_.failure = errc::timed_out;
    const auto started = fakes::poll_until_done<ports::login_start>(
        loop_, [&] { return provider_->start_login("corp"); });
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, errc::unavailable);
}

}  // namespace
