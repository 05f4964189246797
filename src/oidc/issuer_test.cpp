#include "oidc/issuer.hpp"

#include <gtest/gtest.h>

#include "oidc/issuer_verifier.hpp"
#include "test/support/fake_issuer.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/poll_until_done.hpp"
#include "test/support/recording_log.hpp"

namespace {

using namespace std::chrono_literals;
using base::errc;
using fakes::issuer_key;

const std::string keys_path = "/keys";

class issuer : public testing::Test {
  protected:
    // Returns the subject, or the reason or the code of the failure.
    std::string verify(const std::string& text) {
        const auto claims = fakes::poll_until_done<token::issuer_claims>(
            loop_, [&] { return issuer_.verify_access_token(text); });
        if (claims) return claims->subject;
        return claims.error().code == errc::denied ? claims.error().reason
                                                   : std::string(name(claims.error().code));
    }
    std::string access_token(const issuer_key& key) {
        return key.sign_typed("at+jwt", fake_.claims("dbaas"));
    }

    aio::loop loop_;
    fakes::manual_clock clock_;
    fakes::recording_log log_;
    fakes::fake_issuer fake_{"https://id.example", clock_};
    oidc::issuer issuer_{
        {.executor = loop_.executor(), .fetcher = fake_, .clock = clock_, .log = log_},
        {.name = "corp",
         .url = "https://id.example",
         .client_id = "client1",
         .audience = "dbaas",
         .user_prefix = "corp."}};
};

TEST_F(issuer, fetches_its_document_and_keys_once) {
    for (int i = 0; i < 3; ++i) EXPECT_EQ(verify(access_token(fake_.key)), "ada");
    EXPECT_EQ(fake_.requests[keys_path], 1);
    EXPECT_EQ(fake_.requests["/.well-known/openid-configuration"], 1);
}

TEST_F(issuer, fetches_unknown_keys_at_most_once_a_minute) {
    EXPECT_EQ(verify(access_token(fake_.key)), "ada");
    const auto old_key = fake_.key;
    fake_.key = issuer_key::make_p256("k2");
    EXPECT_EQ(verify(access_token(fake_.key)), "key");  // within the minute after the first fetch
    clock_.advance(60s);
    EXPECT_EQ(verify(access_token(fake_.key)), "ada");
    EXPECT_EQ(verify(access_token(old_key)), "key");  // it has been withdrawn
    const auto forged = issuer_key::make_p256("none");
    for (int i = 0; i < 20; ++i) EXPECT_EQ(verify(access_token(forged)), "key");
    EXPECT_EQ(fake_.requests[keys_path], 2);
}

TEST_F(issuer, fetches_withdrawn_keys_after_10_minutes) {
    EXPECT_EQ(verify(access_token(fake_.key)), "ada");
    const auto old_key = fake_.key;
    fake_.key = issuer_key::make_p256("k2");
    clock_.advance(10min);
    EXPECT_EQ(verify(access_token(old_key)), "key");
}

TEST_F(issuer, keeps_its_keys_while_it_is_away) {
    EXPECT_EQ(verify(access_token(fake_.key)), "ada");
    fake_.failure = errc::unavailable;
    clock_.advance(11min);
    EXPECT_EQ(verify(access_token(fake_.key)), "ada");
}

TEST_F(issuer, is_unavailable_without_keys_and_asks_again_after_5_seconds) {
    fake_.status = 500;
    for (int i = 0; i < 10; ++i) EXPECT_EQ(verify(access_token(fake_.key)), "unavailable");
    EXPECT_EQ(fake_.requests["/.well-known/openid-configuration"], 1);
    EXPECT_EQ(log_.lines_of("issuer_not_usable").size(), 1U);
    fake_.status = 200;
    clock_.advance(5s);
    EXPECT_EQ(verify(access_token(fake_.key)), "ada");
}

TEST_F(issuer, rejects_documents_of_another_issuer_and_unsafe_endpoints) {
    struct document {
        std::string issuer = "https://id.example";
        std::string authorization = "https://id.example/a";
        std::string keys = "https://id.example/k";
    };
    const auto is_read = [](const document& source) {
        const auto text = fmt::format(
            R"({{"issuer":"{}","authorization_endpoint":"{}","token_endpoint":"https://t.example",)"
            R"("jwks_uri":"{}"}})",
            source.issuer, source.authorization, source.keys);
        return oidc::read_metadata(text, "https://id.example").has_value();
    };
    EXPECT_TRUE(is_read({}));
    EXPECT_FALSE(is_read({.issuer = "https://evil.example"}));
    EXPECT_FALSE(is_read({.issuer = "https://id.example/"}));
    EXPECT_FALSE(is_read({.authorization = "javascript:alert(1)"}));
    EXPECT_FALSE(is_read({.authorization = ""}));
    EXPECT_FALSE(is_read({.keys = "http://id.example/k"}));
    EXPECT_FALSE(is_read({.keys = "https://id.example/k#x"}));
    for (const auto* text : {"", "<html>", "[]", "{}"}) {
        EXPECT_FALSE(oidc::read_metadata(text, "https://id.example")) << text;
    }
}

TEST_F(issuer, rejects_an_issuer_without_s256) {
    const auto with_methods = [](const std::string& methods) {
        return oidc::read_metadata(
            R"({"issuer":"https://id.example","authorization_endpoint":"https://id.example/a",)"
            R"("token_endpoint":"https://id.example/t","jwks_uri":"https://id.example/k",)"
            R"("code_challenge_methods_supported":)" +
                methods + "}",
            "https://id.example");
    };
    EXPECT_TRUE(with_methods(R"(["plain","S256"])"));
    EXPECT_EQ(with_methods(R"(["plain"])").error().code, errc::unsupported);
    EXPECT_EQ(with_methods("[]").error().code, errc::unsupported);
}

TEST_F(issuer, accepts_access_tokens_alone) {
    EXPECT_EQ(verify(fake_.key.sign_typed("JWT", fake_.claims("dbaas"))), "type");
    EXPECT_EQ(verify(fake_.key.sign_typed("", fake_.claims("dbaas"))), "type");
    EXPECT_EQ(verify(fake_.key.sign_typed("at+jwt", fake_.claims("client1"))), "audience");
    EXPECT_EQ(verify(fake_.key.sign_typed("JWT", fake_.claims("client1"))), "type");
}

TEST_F(issuer, accepts_id_tokens_for_the_authorized_party_alone) {
    const auto reason_of = [&](const std::string& claims) {
        const auto result = fakes::poll_until_done<token::issuer_claims>(
            loop_, [&] { return issuer_.verify_id_token(fake_.key.sign_typed("JWT", claims)); });
        return result ? std::string() : result.error().reason;
    };
    EXPECT_EQ(reason_of(fake_.claims("client1")), "");
    EXPECT_EQ(reason_of(fake_.claims("client1", R"(,"azp":"client1")")), "");
    EXPECT_EQ(reason_of(fake_.claims("client1", R"(,"azp":"other")")), "authorized_party");
    EXPECT_EQ(reason_of(fake_.claims(R"(client1","x":")", R"(,"azp":7)")), "authorized_party");
    EXPECT_EQ(reason_of(fake_.claims("other")), "audience");
}

TEST_F(issuer, fetches_once_for_tokens_at_the_same_time) {
    aio::task_group group(loop_.executor());
    const auto text = access_token(fake_.key);
    for (int i = 0; i < 50; ++i) {
        group.spawn([&]() -> aio::task<> {
            const auto claims = co_await issuer_.verify_access_token(text);
            EXPECT_TRUE(claims);
            co_return base::ok();
        });
    }
    while (group.size() > 0) loop_.poll();
    EXPECT_EQ(fake_.requests[keys_path], 1);
}

TEST_F(issuer, gives_each_user_its_prefix_and_ignores_tokens_of_others) {
    const auto verifier = oidc::make_issuer_verifier(
        std::shared_ptr<oidc::issuer>(std::shared_ptr<void>(), &issuer_));
    const auto text = access_token(fake_.key);
    EXPECT_TRUE(verifier->recognizes(text));
    EXPECT_FALSE(verifier->recognizes("a.b.c"));
    EXPECT_FALSE(verifier->recognizes(fake_.key.sign_typed("at+jwt", fake_.claims("other"))));
    EXPECT_FALSE(verifier->recognizes(
        fake_.key.sign_typed("at+jwt", R"({"iss":"https://evil.example","aud":"dbaas"})")));
    const auto identity = fakes::poll_until_done<ports::verified_identity>(
        loop_, [&] { return verifier->verify(base::secret(text)); });
    ASSERT_TRUE(identity);
    EXPECT_EQ(identity->subject, "corp.ada");
    EXPECT_EQ(identity->credential, "oidc:corp");
    EXPECT_FALSE(identity->is_administrator);
}

}  // namespace
