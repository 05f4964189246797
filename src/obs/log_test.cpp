#include "obs/log.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace obs {
namespace {

// What one service wrote, with the changing timestamp cut out.
std::string written(level least, const std::function<void(log&)>& use,
                    log_format format = log_format::json) {
    std::string text;
    {
        const auto service = make_log(
            {.least = least, .format = format, .app = "app", .sink = [&](std::string_view lines) {
                 text += lines;
             }});
        use(*service);
    }
    std::string cut;
    for (std::size_t at = 0; at < text.size();) {
        const auto stamp = text.find("\"timestamp\":\"", at);
        if (stamp == std::string::npos) return cut + text.substr(at);
        cut += text.substr(at, stamp - at) + "T";
        at = stamp + std::string_view("\"timestamp\":\"2025-11-24T14:30:00Z\"").size();
    }
    return cut;
}

TEST(log, writes_one_json_line_per_event_with_the_fields_in_order) {
    EXPECT_EQ(written(level::info,
                      [](log& to) {
                          to.info("metrics_returned_from_cache", {{"database_id", "db-abc123"},
                                                                  {"count", 3},
                                                                  {"ok", true},
                                                                  {"ratio", 0.25}});
                      }),
              "{T,\"level\":\"INFO\",\"event\":\"metrics_returned_from_cache\",\"database_id\":"
              "\"db-abc123\","
              "\"count\":3,\"ok\":true,\"ratio\":0.25,\"app\":\"app\"}\n");
}

TEST(log, writes_the_timestamp_in_utc_seconds) {
    std::string text;
    make_log({.sink = [&](std::string_view lines) { text += lines; }})->info("x");
    ASSERT_GE(text.size(), 36u);
    EXPECT_EQ(text.substr(0, 14), "{\"timestamp\":\"");
    EXPECT_EQ(text[24], 'T');
    EXPECT_EQ(text[33], 'Z');
}

TEST(log, escapes_what_json_forbids) {
    EXPECT_EQ(
        written(level::info,
                [](log& to) { to.info("e", {{"k", std::string_view("a\"b\\c\n\t\0\x7f", 9)}}); }),
        "{T,\"level\":\"INFO\",\"event\":\"e\",\"k\":\"a\\\"b\\\\c\\n\\u0009\\u0000\\u007f\","
        "\"app\":\"app\"}\n");
}

TEST(log, replaces_what_is_not_utf8) {
    for (const auto* bad : {"\xff", "\xc0", "\xe2\x82", "\xed\xa0\x80", "\xf5", "\xf0\x80"}) {
        const auto line = written(level::info, [&](log& to) { to.info("e", {{"k", bad}}); });
        EXPECT_NE(line.find("\"k\":\"\\ufffd"), std::string::npos) << line;
    }
    EXPECT_NE(written(level::info, [](log& to) { to.info("e", {{"k", "žluť €"}}); }).find("žluť €"),
              std::string::npos);
}

TEST(log, writes_null_for_numbers_that_json_does_not_know) {
    EXPECT_NE(
        written(level::info, [](log& to) { to.info("e", {{"k", 0.0 / 0.0}}); }).find("\"k\":null"),
        std::string::npos);
}

TEST(log, never_shows_a_secret) {
    const auto line = written(
        level::info, [](log& to) { to.info("e", {{"password", base::secret("hunter2")}}); });
    EXPECT_EQ(line.find("hunter2"), std::string::npos);
    EXPECT_NE(line.find("\"password\":\"***\""), std::string::npos);
}

TEST(log, leaves_out_what_is_below_its_level) {
    EXPECT_EQ(written(level::warning, [](log& to) { to.info("quiet"), to.debug("quieter"); }), "");
    EXPECT_NE(written(level::warning, [](log& to) { to.error("loud"); }), "");
}

TEST(log, has_a_console_format_for_people) {
    const auto line = written(
        level::info,
        [](log& to) { to.info("started", {{"port", 8000}, {"who", "a b"}, {"id", "x"}}); },
        log_format::console);
    EXPECT_EQ(line.substr(8), " INFO     started  port=8000  who=\"a b\"  id=x\n");
}

TEST(log, counts_and_reports_lines_that_do_not_fit) {
    std::mutex mutex;
    std::condition_variable changed;
    bool is_blocked = false, may_go = false;
    std::string text;
    const auto sink = [&](std::string_view lines) {
        std::unique_lock lock(mutex);
        is_blocked = true;
        changed.notify_all();
        changed.wait(lock, [&] { return may_go; });
        text += lines;
    };
    const auto service = make_log({.queue_lines_max = 2, .sink = sink});
    service->info("first");
    {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return is_blocked; });
    }
    for (int i = 0; i < 5; ++i) service->info("more");
    EXPECT_EQ(service->dropped(), 3u);
    {
        const std::lock_guard lock(mutex);
        may_go = true;
    }
    changed.notify_all();
    service->flush();
    EXPECT_NE(text.find("\"event\":\"log_lines_dropped\",\"count\":3"), std::string::npos) << text;
}

TEST(log, keeps_lines_of_many_threads_whole) {
    std::string text;
    {
        const auto service = make_log({.sink = [&](std::string_view lines) { text += lines; }});
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&] {
                for (int i = 0; i < 2000; ++i) service->info("tick", {{"i", i}});
            });
        }
        for (auto& thread : threads) thread.join();
        service->flush();
        EXPECT_EQ(service->dropped(), 0u);
    }
    std::size_t lines = 0;
    for (std::size_t at = 0; at < text.size(); ++lines) {
        const auto end = text.find('\n', at);
        ASSERT_NE(end, std::string::npos);
        ASSERT_EQ(text[at], '{');
        ASSERT_EQ(text[end - 1], '}');
        at = end + 1;
    }
    EXPECT_EQ(lines, 8000u);
}

TEST(null_log, is_never_enabled) {
    EXPECT_FALSE(null_log().is_enabled(level::critical));
}

}  // namespace
}  // namespace obs
