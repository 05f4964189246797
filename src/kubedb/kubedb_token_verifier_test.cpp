#include "kubedb/kubedb_token_verifier.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "json/json.hpp"
#include "test/support/issuer_key.hpp"
#include "test/support/recording_log.hpp"
#include "test/support/simulated_api_server.hpp"
#include "test/support/token_verifier_contract.hpp"

namespace fakes {
namespace {

constexpr std::string_view audience = "dbaas";

const issuer_key& key() {
    static const auto value = issuer_key::make_p256("k");
    return value;
}
std::string token_of(std::string_view subject, std::string_view aud = R"(["dbaas"])",
                     std::string_view id = "1") {
    return key().sign_typed(
        "",
        fmt::format(R"({{"iss":"https://kubernetes.default.svc","aud":{},"sub":"{}","jti":"{}",)"
                    R"("iat":1763994600,"exp":1763998200}})",
                    aud, subject, id));
}
const std::string account = "system:serviceaccount:shop:ci";

// A verifier of a simulated API server that accepts one token.
class review_server final : public token_verifier_world {
  public:
    explicit review_server(const aio::executor& executor)
        : server_(std::move(*http::start_server(
              {},
              [this](aio::executor) { return std::make_unique<simulated_handler>(simulated_); }))),
          client_(std::move(*kube::make_client(
              executor, {.config = {.server = {.host = "127.0.0.1", .port = server_->port()}},
                         .retries_max = 0}))),
          verifier_(kubedb::make_token_verifier(*client_, log_, std::string(audience))) {
        simulated_.respond_with([this](const http::request& request) { return review(request); });
    }

    ports::token_verifier& verifier() override { return *verifier_; }
    [[nodiscard]] std::string valid() const override {
        static const auto text = token_of(account);  // a signature differs each time
        return text;
    }
    [[nodiscard]] std::string invalid() const override {
        static const auto text = token_of(account, R"("dbaas")", "2");
        return text;
    }
    void take_away() override { fail_with(503, "ServiceUnavailable"); }

    void fail_with(unsigned status, const std::string& reason) {
        simulated_.respond_with([status, reason](const http::request&) {
            return simulated_server::failure(status, reason);
        });
    }
    void respond_with(const std::string& status) {
        simulated_.respond_with([status](const http::request&) {
            return http::outgoing_response{
                .response = {.status = 201,
                             .body = http::body(R"({"kind":"TokenReview",)" + status + "}")}};
        });
    }
    std::vector<http::request> requests() { return simulated_.requests(); }
    recording_log& log() { return log_; }

  private:
    http::outgoing_response review(const http::request& request) const {
        const auto spec = json::parse(request.body).at("spec").as_object();
        const bool is_valid = spec.at("token") == json::value(valid().c_str());
        return {
            .response = {.status = 201,
                         .body = http::body(
                             is_valid ? fmt::format(R"({{"kind":"TokenReview","status":{{)"
                                                    R"("authenticated":true,"audiences":["dbaas"],)"
                                                    R"("user":{{"username":"{}"}}}}}})",
                                                    account)
                                      : std::string(R"({"kind":"TokenReview","status":{)"
                                                    R"("error":"invalid bearer token"}})"))}};
    }

    simulated_server simulated_;
    recording_log log_;
    std::unique_ptr<http::server> server_;
    std::unique_ptr<kube::client> client_;
    std::unique_ptr<ports::token_verifier> verifier_;
};

INSTANTIATE_TEST_SUITE_P(kubernetes, token_verifier_contract,
                         ::testing::Values([](aio::executor executor) {
                             return std::make_unique<review_server>(executor);
                         }));

class kubedb_token_verifier : public testing::Test {
  protected:
    using use = std::function<aio::task<>(review_server&)>;
    static void run(use act) {
        auto work = [](use inner) -> aio::task<> {
            review_server server(co_await aio::this_executor());
            co_return co_await inner(server);
        };
        const auto result = aio::block_on(work(std::move(act)));
        EXPECT_TRUE(result);
    }
    // Returns the code of the failure to verify the valid token.
    static aio::task<base::errc> code_of(review_server& server) {
        const auto identity = co_await server.verifier().verify(base::secret(server.valid()));
        co_return identity ? base::errc::internal : identity.error().code;
    }
};

TEST_F(kubedb_token_verifier, sends_one_review_with_the_audience) {
    run([](review_server& server) -> aio::task<> {
        const auto identity = co_await server.verifier().verify(base::secret(server.valid()));
        if (!identity) co_return base::pass(identity);
        EXPECT_EQ(identity->expires_at, base::instant(std::chrono::seconds(1763998200)));
        const auto requests = server.requests();
        EXPECT_EQ(requests.size(), 1U);
        EXPECT_TRUE(
            requests.front().target.starts_with("/apis/authentication.k8s.io/v1/tokenreviews"));
        const auto body = json::parse(requests.front().body);
        EXPECT_EQ(body.at("spec").at("audiences"), json::value(json::array{"dbaas"}));
        co_return base::ok();
    });
}

TEST_F(kubedb_token_verifier, recognizes_bound_tokens_of_service_accounts_for_the_audience_alone) {
    run([](review_server& server) -> aio::task<> {
        auto& verifier = server.verifier();
        EXPECT_TRUE(verifier.recognizes(token_of(account)));
        EXPECT_TRUE(verifier.recognizes(token_of(account, R"(["other","dbaas"])")));
        EXPECT_FALSE(
            verifier.recognizes(token_of(account, R"(["https://kubernetes.default.svc"])")));
        EXPECT_FALSE(verifier.recognizes(token_of(account, "[]")));
        EXPECT_FALSE(verifier.recognizes(token_of("system:node:one")));
        EXPECT_FALSE(verifier.recognizes(token_of("admin")));
        // The token of a Secret neither expires nor has an audience.
        EXPECT_FALSE(verifier.recognizes(
            key().sign_typed("", R"({"sub":"system:serviceaccount:shop:ci","aud":"dbaas"})")));
        co_return base::ok();
    });
}

TEST_F(kubedb_token_verifier, denies_what_the_api_server_has_not_confirmed) {
    run([](review_server& server) -> aio::task<> {
        const auto user = [](std::string_view audiences, std::string_view name) {
            return fmt::format(R"("status":{{"authenticated":true,{}"user":{{"username":"{}"}}}})",
                               audiences, name);
        };
        const std::string_view ours = R"("audiences":["dbaas"],)";
        for (const auto& status :
             {std::string(R"("status":{"authenticated":false})"),
              std::string(R"("status":{"authenticated":"true"})"), user("", account),
              user(R"("audiences":["x"],)", account), user(ours, "admin"),
              user(ours, "system:serviceaccount:shop:ops")}) {
            server.respond_with(status);
            EXPECT_EQ(co_await code_of(server), base::errc::denied) << status;
        }
        server.respond_with(R"("metadata":{})");
        EXPECT_EQ(co_await code_of(server), base::errc::unavailable);
        co_return base::ok();
    });
}

TEST_F(kubedb_token_verifier, is_unavailable_without_the_permission_and_logs_it) {
    run([](review_server& server) -> aio::task<> {
        server.fail_with(403, "Forbidden");
        EXPECT_EQ(co_await code_of(server), base::errc::unavailable);
        EXPECT_EQ(server.log().lines_of("token_review_failed").size(), 1U);
        server.fail_with(422, "Invalid");  // the message may quote the object
        EXPECT_EQ(co_await code_of(server), base::errc::unavailable);
        for (const auto& line : server.log().lines()) {
            EXPECT_FALSE(line.contains(server.valid().substr(0, 40))) << line;
        }
        co_return base::ok();
    });
}

}  // namespace
}  // namespace fakes
