#include "kube/api_status.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "kube/status_reason.hpp"

namespace kube {
namespace {

using base::errc;
using std::chrono::seconds;

std::string status_text(unsigned code, std::string_view reason) {
    return fmt::format(R"({{"kind":"Status","apiVersion":"v1","metadata":{{}},"status":"Failure",)"
                       R"("message":"said so","reason":"{}","code":{},"details":{{"name":"x"}}}})",
                       reason, code);
}

struct reason_case {
    unsigned http;
    std::string_view reason;
    errc code;
};

class status_with_reason : public testing::TestWithParam<reason_case> {};

TEST_P(status_with_reason, decides_the_code_and_the_cause) {
    const auto failure =
        failure_of_response(GetParam().http, status_text(GetParam().http, GetParam().reason));
    EXPECT_EQ(failure.code, GetParam().code) << GetParam().reason;
    EXPECT_EQ(failure.reason, GetParam().reason);
    const auto cause = failure.cause.as<status_reason>();
    EXPECT_EQ(cause, status_reason_of(GetParam().reason));
    ASSERT_TRUE(cause);
    if (*cause != status_reason::unknown) {
        EXPECT_EQ(name(*cause), GetParam().reason);
    }
    EXPECT_EQ(failure.text, "said so");
}

INSTANTIATE_TEST_SUITE_P(all, status_with_reason,
                         testing::Values(reason_case{404, "NotFound", errc::not_found},
                                         reason_case{409, "AlreadyExists", errc::conflict},
                                         reason_case{409, "Conflict", errc::precondition},
                                         reason_case{410, "Gone", errc::gone},
                                         reason_case{410, "Expired", errc::gone},
                                         reason_case{422, "Invalid", errc::invalid},
                                         reason_case{400, "BadRequest", errc::invalid},
                                         reason_case{415, "UnsupportedMediaType", errc::invalid},
                                         reason_case{406, "NotAcceptable", errc::invalid},
                                         reason_case{413, "RequestEntityTooLarge", errc::invalid},
                                         reason_case{401, "Unauthorized", errc::denied},
                                         reason_case{403, "Forbidden", errc::denied},
                                         reason_case{429, "TooManyRequests", errc::unavailable},
                                         reason_case{503, "ServiceUnavailable", errc::unavailable},
                                         reason_case{500, "InternalError", errc::unavailable},
                                         reason_case{500, "ServerTimeout", errc::unavailable},
                                         reason_case{504, "Timeout", errc::timed_out},
                                         reason_case{405, "MethodNotAllowed", errc::unsupported},
                                         // A reason of the future: the HTTP code decides.
                                         reason_case{404, "Vanished", errc::not_found},
                                         reason_case{418, "Teapot", errc::invalid},
                                         reason_case{599, "Strange", errc::unavailable}));

struct plain_case {
    unsigned http;
    errc code;
};

class status_code : public testing::TestWithParam<plain_case> {};

TEST_P(status_code, decides_when_the_body_is_no_status) {
    EXPECT_EQ(failure_of_response(GetParam().http, "<html>oops</html>").code, GetParam().code);
    EXPECT_EQ(failure_of_response(GetParam().http, R"({"error":"x"})").code, GetParam().code);
    EXPECT_EQ(failure_of_response(GetParam().http, "").code, GetParam().code);
}

INSTANTIATE_TEST_SUITE_P(
    all, status_code,
    testing::Values(plain_case{400, errc::invalid}, plain_case{401, errc::denied},
                    plain_case{403, errc::denied}, plain_case{404, errc::unavailable},
                    plain_case{405, errc::unsupported}, plain_case{409, errc::precondition},
                    plain_case{410, errc::gone}, plain_case{413, errc::invalid},
                    plain_case{429, errc::unavailable}, plain_case{500, errc::unavailable},
                    plain_case{502, errc::unavailable}, plain_case{503, errc::unavailable},
                    plain_case{504, errc::timed_out}, plain_case{302, errc::unavailable}));

// Nor is it the word that an object is not there.
TEST(status, a_404_without_a_status_is_a_kind_that_is_not_served) {
    EXPECT_EQ(failure_of_response(404, "404 page not found\n").cause, status_reason::not_served);
    EXPECT_EQ(failure_of_response(404, status_text(404, "NotFound")).code, errc::not_found);
    EXPECT_EQ(failure_of_response(404, status_text(404, "NotFound")).reason, "NotFound");
}

TEST(status, a_404_without_the_name_of_an_object_reports_no_absence) {
    for (const auto* reason : {"NotFound", "Vanished", ""}) {
        const auto failure = failure_of_response(
            404, fmt::format(R"({{"kind":"Status","apiVersion":"v1","status":"Failure",)"
                             R"("message":"the server could not find the requested resource",)"
                             R"("reason":"{}","details":{{"kind":"redises"}},"code":404}})",
                             reason));
        EXPECT_EQ(failure.code, errc::unavailable) << reason;
        EXPECT_EQ(failure.cause, status_reason::not_served) << reason;
        EXPECT_EQ(failure.text, "the server could not find the requested resource");
    }
}

TEST(status, shortens_the_text_of_a_proxy_to_one_line) {
    const auto failure = failure_of_response(502, "bad\ngateway\x01 \xff" + std::string(5000, 'x'));
    EXPECT_EQ(failure.text.find('\n'), std::string::npos);
    EXPECT_LT(failure.text.size(), 300u);
    EXPECT_NE(failure.text.find("bad gateway"), std::string::npos);
}

TEST(status, causes_become_field_faults) {
    const auto failure = failure_of_response(422, R"({"kind":"Status","apiVersion":"v1",
        "status":"Failure","message":"Postgres.kubedb.com \"x\" is invalid","reason":"Invalid",
        "details":{"name":"x","causes":[
          {"reason":"FieldValueRequired","message":"Required value","field":"spec.version"},
          {"reason":"FieldValueInvalid","message":"m","field":"spec.init[0].labels[a/b~c]"},
          "not an object", {}]},"code":422})");
    ASSERT_EQ(failure.fields.size(), 3u);
    EXPECT_EQ(failure.fields[0],
              (base::field_error{"/spec/version", "FieldValueRequired", "Required value"}));
    EXPECT_EQ(failure.fields[1].pointer, "/spec/init/0/labels/a~1b~0c");
    EXPECT_EQ(failure.fields[2].pointer, "");
}

TEST(status, too_large_resource_version_is_recognised_by_its_cause) {
    const auto failure = failure_of_response(504, R"({"kind":"Status","apiVersion":"v1",
        "status":"Failure","message":"Timeout: Too large resource version: 9, current: 6",
        "reason":"Timeout","details":{"causes":[{"reason":"ResourceVersionTooLarge",
        "message":"Too large resource version"}],"retryAfterSeconds":1},"code":504})");
    EXPECT_EQ(failure.code, errc::timed_out);
    ASSERT_EQ(failure.fields.size(), 1u);
    EXPECT_EQ(failure.fields[0].code, "ResourceVersionTooLarge");
    EXPECT_EQ(failure.retry_after, seconds(1));
}

TEST(status, the_header_says_how_long_to_wait) {
    EXPECT_EQ(failure_of_response(429, "", "7").retry_after, seconds(7));
    EXPECT_EQ(failure_of_response(429, "", "99999999").retry_after, seconds(86400));
    EXPECT_EQ(failure_of_response(429, "", "soon").retry_after, std::nullopt);
    EXPECT_EQ(failure_of_response(429, "", "-1").retry_after, std::nullopt);
    EXPECT_EQ(failure_of_response(429, "").retry_after, std::nullopt);
}

TEST(status, removes_the_object_quoted_by_a_rejected_strict_patch) {
    const auto failure = failure_of_response(
        422, R"({"kind":"Status","apiVersion":"v1",
        "status":"Failure","reason":"Invalid","code":422,
        "message":" \"\" is invalid: patch: )"
             R"(Invalid value: \"{\\\"stringData\\\":{\\\"password\\\":\\\"hunter2\\\"}}\": )"
             R"(strict decoding error: unknown field \"spec.x\"",
        "details":{"causes":[{"reason":"FieldValueInvalid","field":"patch",
        "message":"Invalid value: \"{\\\"a\\\":\\\"hunter2-and-more-than-)"
             R"(sixty-characters-of-the-object)"
             R"(-that-was-rejected\\\"}\": strict decoding error"}]}})");
    EXPECT_EQ(failure.text.find("hunter2"), std::string::npos) << failure.text;
    EXPECT_NE(failure.text.find("unknown field \"spec.x\""), std::string::npos) << failure.text;
    ASSERT_EQ(failure.fields.size(), 1u);
    EXPECT_EQ(failure.fields[0].message, "Invalid value: (left out): strict decoding error");
}

TEST(status, short_values_stay_in_messages) {
    EXPECT_EQ(without_quoted_values(R"(spec.replicas: Invalid value: "x": must be integer)"),
              R"(spec.replicas: Invalid value: "x": must be integer)");
    EXPECT_EQ(without_quoted_values("metadata.resourceVersion: Invalid value: 0: must be"),
              "metadata.resourceVersion: Invalid value: 0: must be");
    EXPECT_EQ(without_quoted_values(""), "");
    EXPECT_EQ(without_quoted_values("Invalid value: "), "Invalid value: ");
    EXPECT_EQ(without_quoted_values("Invalid value: {\"a\":\"" + std::string(99, 'b') + "\"}: no"),
              "Invalid value: (left out): no");
    EXPECT_EQ(without_quoted_values("Invalid value: \"" + std::string(99, 'b')),
              "Invalid value: (left out)");
}

TEST(status, causes_are_limited) {
    std::string causes;
    for (int i = 0; i < 100; ++i) causes += R"({"reason":"r","message":"m","field":"f"},)";
    causes.pop_back();
    const auto failure = failure_of_response(
        422, R"({"kind":"Status","apiVersion":"v1","details":{"causes":[)" + causes + "]}}");
    EXPECT_EQ(failure.fields.size(), 32u);
}

TEST(status, an_error_frame_of_a_watch_becomes_the_same_failure) {
    json::object status{{"kind", "Status"},    {"apiVersion", "v1"}, {"status", "Failure"},
                        {"reason", "Expired"}, {"code", 410},        {"message", "too old"}};
    EXPECT_EQ(failure_of_status(status).code, errc::gone);
    status.erase("reason");
    EXPECT_EQ(failure_of_status(status).code, errc::gone);
    status.clear();
    EXPECT_EQ(failure_of_status(status).code, errc::unavailable);
}

TEST(status, only_the_api_servers_own_word_is_a_failure_status) {
    EXPECT_TRUE(is_failure_status(status_text(503, "ServiceUnavailable")));
    EXPECT_FALSE(is_failure_status(R"({"kind":"Status","apiVersion":"v1","status":"Success"})"));
    EXPECT_FALSE(is_failure_status(R"({"kind":"Pod","apiVersion":"v1"})"));
    EXPECT_FALSE(is_failure_status("# HELP up\n"));
    EXPECT_FALSE(is_failure_status("{broken"));
    EXPECT_FALSE(is_failure_status(""));
}

}  // namespace
}  // namespace kube
