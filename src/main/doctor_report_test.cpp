#include "main/doctor_report.hpp"

#include <gtest/gtest.h>

namespace {

using doctor::finding;
using doctor::result;

TEST(doctor_report, prints_the_advice_below_its_finding_and_a_summary) {
    const std::vector<finding> findings{
        {.check = "cluster", .result = result::ok, .detail = "Kubernetes v1.34.4"},
        {.check = "permission pods",
         .result = result::failed,
         .detail = "missing: watch",
         .advice = "apply k8s/rbac.yaml"}};
    EXPECT_EQ(doctor::as_text(findings),
              "ok       cluster: Kubernetes v1.34.4\n"
              "failed   permission pods: missing: watch\n"
              "         apply k8s/rbac.yaml\n"
              "2 checks: 1 ok, 0 warnings, 1 failed, 0 skipped\n");
    EXPECT_EQ(doctor::exit_code(findings), 1);
}

TEST(doctor_report, warnings_and_skipped_checks_are_healthy) {
    const std::vector<finding> findings{
        {.check = "store", .result = result::warning, .detail = "\"quoted\""},
        {.check = "permissions", .result = result::skipped, .detail = "no review"}};
    EXPECT_EQ(doctor::exit_code(findings), 0);
    EXPECT_EQ(doctor::as_json(findings),
              R"({"healthy":true,"checks":[{"check":"store","result":"warning",)"
              R"("detail":"\"quoted\"","advice":""},{"check":"permissions","result":"skipped",)"
              R"("detail":"no review","advice":""}]})"
              "\n");
}

}  // namespace
