#include "kubedb/port_failure.hpp"

#include <gtest/gtest.h>

#include "domain/failure_cause.hpp"
#include "http/client.hpp"
#include "kube/api_status.hpp"
#include "kube/status_reason.hpp"
#include "test/support/recording_log.hpp"

namespace kubedb {
namespace {

using base::errc;

class port_failure_test : public testing::Test {
  protected:
    base::failure translate(base::failure failure) {
        return port_failure(std::move(failure), "read_credentials", log_);
    }
    static base::failure of_server(unsigned status, std::string_view reason) {
        return kube::failure_of_response(
            status, std::string(R"({"kind":"Status","apiVersion":"v1","status":"Failure",)") +
                        R"("message":"system:serviceaccount:dbaas:dbaas said so",)" +
                        R"("details":{"name":"x"},"reason":")" + std::string(reason) + "\"}");
    }
    fakes::recording_log log_;
};

TEST_F(port_failure_test, a_lost_login_is_an_unavailable_cluster_and_is_logged) {
    auto rejected = of_server(401, "Unauthorized");
    rejected.code = errc::unavailable;  // as kube::client returns it
    const auto result = translate(rejected);
    EXPECT_EQ(result.code, errc::unavailable);
    EXPECT_EQ(result.reason, "cluster_unavailable");
    EXPECT_FALSE(result.text.contains("serviceaccount")) << result.text;
    const auto lines = log_.lines_of("cluster_login_lost");
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_TRUE(lines[0].contains("said so")) << lines[0];
    EXPECT_TRUE(lines[0].contains("read_credentials")) << lines[0];
}

TEST_F(port_failure_test, no_reason_of_kubernetes_leaves_the_adapter) {
    for (const auto& [status, reason, expected] :
         {std::tuple{403U, "Forbidden", ""}, std::tuple{422U, "Invalid", ""},
          std::tuple{409U, "AlreadyExists", ""}, std::tuple{404U, "Vanished", ""},
          std::tuple{503U, "ServiceUnavailable", "cluster_unavailable"},
          std::tuple{429U, "TooManyRequests", "cluster_unavailable"},
          std::tuple{504U, "Timeout", ""}}) {
        const auto failure = of_server(status, reason);
        const auto result = translate(failure);
        EXPECT_EQ(result.reason, expected) << reason;
        EXPECT_EQ(result.code, failure.code) << reason;
        EXPECT_TRUE(result.text.contains("said so")) << result.text;
    }
    const auto html = translate(kube::failure_of_response(404, "404 page not found"));
    EXPECT_EQ(html.reason, "cluster_unavailable");
    for (const auto& expired :
         {of_server(410, "Expired"), kube::failure_of_response(410, "<html>gone</html>")}) {
        EXPECT_EQ(translate(expired).code, errc::unavailable);
        EXPECT_EQ(translate(expired).reason, "cluster_unavailable");
    }
    base::failure refused{.code = errc::unavailable, .text = "connection refused"};
    refused.set_cause(http::failure_cause::not_sent);
    EXPECT_EQ(translate(refused).reason, "cluster_unavailable");
    EXPECT_EQ(translate({.code = errc::unavailable, .text = "cut"}).reason, "cluster_unavailable");
}

TEST_F(port_failure_test, fields_have_codes_of_the_platform) {
    const std::pair<std::string_view, std::string_view> codes[] = {
        {"FieldValueRequired", "required"},
        {"FieldValueInvalid", "invalid_value"},
        {"FieldValueTypeInvalid", "wrong_type"},
        {"FieldValueNotSupported", "unknown_value"},
        {"FieldValueForbidden", "unsupported"},
        {"FieldValueTooLong", "too_long"},
        {"FieldValueTooMany", "too_many"},
        {"FieldValueDuplicate", "duplicate"},
        {"FieldValueNotFound", "not_found"},
        {"FieldManagerConflict", "rejected_by_cluster"},
        {"", "rejected_by_cluster"},
        {"too_long", "too_long"},
    };
    for (const auto& [reason, expected] : codes) {
        base::failure failure{.code = errc::invalid, .text = "two fields are wrong"};
        failure.fields.push_back({"/spec/version", std::string(reason), "m"});
        const auto result = translate(std::move(failure));
        EXPECT_EQ(result.fields.at(0).code, expected) << reason;
        EXPECT_EQ(result.fields.at(0).message, "m");
    }
}

TEST_F(port_failure_test, keeps_the_reasons_of_the_port) {
    const auto owned = translate({.code = errc::conflict, .text = "exists", .reason = "not_owned"});
    EXPECT_EQ(owned.reason, "not_owned");
    base::failure deleting{.code = errc::unavailable, .text = "deleting"};
    deleting.set_cause(domain::failure_cause::deleting);
    EXPECT_EQ(translate(deleting).reason, "deleting");
    EXPECT_EQ(translate(deleting).cause, domain::failure_cause::deleting);
}

}  // namespace
}  // namespace kubedb
