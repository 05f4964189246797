#include "main/health_command.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using testing::HasSubstr;

base::outcome<http::response> response_of(unsigned status, std::string body) {
    http::response result{.status = status};
    result.body = http::body(std::move(body));
    return result;
}

TEST(health_command, asks_the_port_of_the_options_on_loopback) {
    EXPECT_EQ(health::parse({}, {})->url, "http://127.0.0.1:8000");
    const auto request =
        health::parse({}, {{"DBAAS_LISTEN", "0.0.0.0:9000"}, {"DBAAS_TLS_CERT", "server.crt"}});
    ASSERT_TRUE(request);
    EXPECT_EQ(request->url, "https://127.0.0.1:9000");
    EXPECT_FALSE(request->verifies_certificate);
    EXPECT_EQ(request->path, "/health/ready");
}

TEST(health_command, verifies_the_certificate_of_a_given_url) {
    const auto request = health::parse({"--url=https://dbaas.example.com/", "--live"}, {});
    ASSERT_TRUE(request);
    EXPECT_EQ(request->url, "https://dbaas.example.com");
    EXPECT_TRUE(request->verifies_certificate);
    EXPECT_EQ(request->path, "/health/live");
}

TEST(health_command, rejects_wrong_flags) {
    const std::vector<std::vector<std::string>> cases{
        {"--fast"},           {"--url"},         {"--url", "dbaas"}, {"--url", "http://a/path"},
        {"--timeout", "0"},   {"--timeout=61"},  {"--timeout=1s"},   {"--json=yes"},
        {"http://127.0.0.1"}, {"--ca-file", ""}, {"--timeout", ""}};
    for (const auto& flags : cases) {
        const auto request = health::parse(flags, {});
        ASSERT_FALSE(request) << flags.front();
        EXPECT_EQ(request.error().code, base::errc::invalid);
    }
}

TEST(health_command, prints_the_state_of_each_part) {
    const auto request = health::parse({}, {});
    const auto report = health::describe(
        *request, response_of(503, R"({"status":"not_ready","database":"disconnected",)"
                                   R"("background_services":{"status_sync":"running"}})"));
    EXPECT_EQ(report.exit_code, 1);
    EXPECT_THAT(report.text, HasSubstr("not healthy: http://127.0.0.1:8000/health/ready (503)\n"));
    EXPECT_THAT(report.text, HasSubstr("  database       disconnected\n"));
    EXPECT_THAT(report.text, HasSubstr("  status_sync    running\n"));
}

TEST(health_command, prints_json_with_the_response) {
    const auto request = health::parse({"--json"}, {});
    const auto good = health::describe(*request, response_of(200, R"({"status":"ready"})"));
    EXPECT_EQ(good.exit_code, 0);
    EXPECT_EQ(good.text,
              R"({"healthy":true,"url":"http://127.0.0.1:8000/health/ready","status":200,)"
              R"("detail":"","response":{"status":"ready"}})"
              "\n");
    const auto page = health::describe(*request, response_of(502, "<html>"));
    EXPECT_THAT(page.text, HasSubstr(R"("status":502,"detail":"","response":null})"));
}

TEST(health_command, reports_a_missing_response_with_its_own_exit_code) {
    auto request = health::parse({}, {});
    const base::outcome<http::response> none =
        base::fail(base::errc::unavailable, "connect to 127.0.0.1:8000: Connection refused");
    EXPECT_EQ(health::describe(*request, none).exit_code, 3);
    request->prints_json = true;
    EXPECT_THAT(health::describe(*request, none).text, HasSubstr(R"("healthy":false)"));
}

}  // namespace
