#include "main/doctor_options.hpp"

#include <gtest/gtest.h>

namespace {

using doctor::result;

TEST(doctor_options, warns_about_logs_that_a_collector_cannot_parse) {
    config::options options;
    options.log_format = config::log_style::automatic;
    EXPECT_EQ(doctor::examine_logs(options, false).result, result::ok);
    EXPECT_EQ(doctor::examine_logs(options, true).result, result::warning);
    options.log_format = config::log_style::json;
    EXPECT_EQ(doctor::examine_logs(options, true).result, result::ok);
    options.log_format = config::log_style::console;
    EXPECT_EQ(doctor::examine_logs(options, false).result, result::warning);
}

TEST(doctor_options, names_secrets_that_are_not_in_files_without_their_values) {
    config::options options;
    EXPECT_EQ(doctor::examine_secrets(options).result, result::ok);
    options.mongodb_url = base::secret("mongodb://u:pa55@h");
    options.mongodb_url_file = "/etc/dbaas/secrets/mongodb-url";
    EXPECT_EQ(doctor::examine_secrets(options).result, result::ok);
    options.redis_url = base::secret("redis://:pa55@h");
    options.sentry_dsn = base::secret("https://pa55@h/1");
    const auto entry = doctor::examine_secrets(options);
    EXPECT_EQ(entry.result, result::warning);
    EXPECT_EQ(entry.detail, "in the environment or in flags: REDIS_URL, SENTRY_DSN");
}

TEST(doctor_options, reports_a_container_without_a_limit) {
    EXPECT_EQ(doctor::examine_limits(std::nullopt, std::nullopt).result, result::skipped);
    EXPECT_EQ(doctor::examine_limits("max\n", "200000 100000\n").detail, "no limit of memory");
    EXPECT_EQ(doctor::examine_limits("1073741824\n", "max 100000\n").detail, "no limit of CPU");
    const auto entry = doctor::examine_limits("1073741824\n", "200000 100000\n");
    EXPECT_EQ(entry.result, result::ok);
    EXPECT_EQ(entry.detail, "memory 1073741824 bytes, CPU 200000 100000 (microseconds per period)");
}

}  // namespace
