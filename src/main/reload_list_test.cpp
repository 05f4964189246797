#include "main/reload_list.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test/support/recording_log.hpp"

namespace {

TEST(reload_list, runs_every_function_in_order_and_logs_its_result) {
    reload_list list;
    std::vector<std::string> calls;
    list.add("certificate", [&]() -> base::outcome<void> {
        calls.emplace_back("certificate");
        return base::fail(base::errc::invalid, "no certificate in the file");
    });
    list.add("kubeconfig", [&]() -> base::outcome<void> {
        calls.emplace_back("kubeconfig");
        return base::ok();
    });
    fakes::recording_log log;
    list.run(log);
    EXPECT_THAT(calls, testing::ElementsAre("certificate", "kubeconfig"));
    const auto lines = log.lines_of("reload");
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_THAT(lines[0], testing::HasSubstr("invalid"));
    EXPECT_THAT(lines[0], testing::HasSubstr("no certificate in the file"));
    EXPECT_THAT(lines[1], testing::HasSubstr("ok"));
}

TEST(reload_list, logs_a_reload_without_functions) {
    fakes::recording_log log;
    reload_list().run(log);
    EXPECT_EQ(log.lines_of("reload").size(), 1U);
}

}  // namespace
