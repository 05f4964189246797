#include "obs/log_levels.hpp"

#include <gtest/gtest.h>

#include <string>

#include "obs/module_logs.hpp"

namespace obs {
namespace {

TEST(parse_log_levels, reads_a_level_for_every_module) {
    const auto levels = parse_log_levels("warning");
    ASSERT_TRUE(levels);
    EXPECT_EQ(levels->of(log_module::api), level::warning);
    EXPECT_EQ(levels->of(log_module::sqlite), level::warning);
    EXPECT_EQ(to_text(*levels), "warning");
}

TEST(parse_log_levels, reads_levels_of_modules_in_any_order) {
    const auto levels = parse_log_levels("scrape=debug,error,kube=trace");
    ASSERT_TRUE(levels);
    EXPECT_EQ(levels->of(log_module::scrape), level::debug);
    EXPECT_EQ(levels->of(log_module::kube), level::trace);
    EXPECT_EQ(levels->of(log_module::main), level::error);
    EXPECT_EQ(to_text(*levels), "error,kube=trace,scrape=debug");
    EXPECT_EQ(parse_log_levels(to_text(*levels)), *levels);
}

TEST(parse_log_levels, has_info_as_the_common_level) {
    EXPECT_EQ(parse_log_levels("scrape=debug")->of(log_module::api), level::info);
}

TEST(parse_log_levels, names_the_part_with_the_error) {
    struct row {
        const char* text;
        const char* part;
        const char* rule;
        const char* reason;
    };
    for (const auto& [text, part, rule, reason] :
         {row{"loud", "'loud'", "levels trace, debug", "unknown_value"},
          row{"", "''", "levels trace", "unknown_value"},
          row{"info,", "''", "levels trace", "unknown_value"},
          row{"info,scrape=loud", "'scrape=loud'", "levels trace", "unknown_value"},
          row{"info,scrap=debug", "'scrap=debug'", "modules api, app", "unknown_value"},
          row{"info,=debug", "'=debug'", "modules api", "unknown_value"},
          row{"info,scrape==debug", "'scrape==debug'", "levels trace", "unknown_value"},
          row{"INFO", "'INFO'", "levels trace", "unknown_value"},
          row{"info,debug", "'debug'", "second level", "repeated"},
          row{"kube=info,kube=info", "'kube=info'", "repeats its module", "repeated"}}) {
        const auto levels = parse_log_levels(text);
        ASSERT_FALSE(levels) << text;
        EXPECT_TRUE(levels.error().text.contains(part)) << levels.error().text;
        EXPECT_TRUE(levels.error().text.contains(rule)) << levels.error().text;
        EXPECT_EQ(levels.error().reason, reason) << text;
    }
}

TEST(module_logs, write_the_events_that_the_level_of_the_module_admits) {
    std::string text;
    const auto service = make_log({.sink = [&](std::string_view lines) { text += lines; }});
    module_logs logs(*service, *parse_log_levels("info,scrape=debug,kube=error"));
    logs.of(log_module::scrape).debug("scraped");
    logs.of(log_module::kube).warning("kube_warning");
    logs.of(log_module::api).debug("api_debug");
    logs.of(log_module::main).info("main_info");
    service->flush();
    EXPECT_TRUE(text.contains("scraped"));
    EXPECT_FALSE(text.contains("kube_warning"));
    EXPECT_FALSE(text.contains("api_debug"));
    EXPECT_TRUE(text.contains("main_info"));
    logs.set_levels(*parse_log_levels("error,api=debug"));
    text.clear();
    logs.of(log_module::scrape).debug("scraped");
    logs.of(log_module::api).debug("api_debug");
    logs.of(log_module::main).info("main_info");
    service->flush();
    EXPECT_FALSE(text.contains("scraped"));
    EXPECT_TRUE(text.contains("api_debug"));
    EXPECT_FALSE(text.contains("main_info"));
}

}  // namespace
}  // namespace obs
