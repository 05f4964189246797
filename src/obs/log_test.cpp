#include "obs/log.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/time_text.hpp"

namespace obs {
namespace {

// Returns the output of one log with "T" in place of the timestamp.
std::string written(level level_min, const std::function<void(log&)>& use,
                    log_format format = log_format::json) {
    std::string text;
    {
        const auto service = make_log({.level_min = level_min,
                                       .format = format,
                                       .app = "app",
                                       .sink = [&](std::string_view lines) { text += lines; }});
        use(*service);
    }
    std::string stable;
    for (std::size_t start = 0; start < text.size();) {
        const auto stamp = text.find("\"timestamp\":\"", start);
        if (stamp == std::string::npos) return stable + text.substr(start);
        stable += text.substr(start, stamp - start) + "T";
        start = stamp + std::string_view("\"timestamp\":\"2025-11-24T14:30:00.123456Z\"").size();
    }
    return stable;
}

TEST(log, writes_one_json_line_per_event_with_the_fields_in_order) {
    EXPECT_EQ(written(level::info,
                      [](log& target) {
                          target.info("metrics_returned_from_cache", {{"database_id", "db-abc123"},
                                                                      {"count", 3},
                                                                      {"ok", true},
                                                                      {"ratio", 0.25}});
                      }),
              "{T,\"level\":\"INFO\",\"event\":\"metrics_returned_from_cache\",\"database_id\":"
              "\"db-abc123\","
              "\"count\":3,\"ok\":true,\"ratio\":0.25,\"app\":\"app\"}\n");
}

TEST(log, omits_a_field_without_a_key) {
    const auto write = [](log& target) { target.info("x", {{"", "y"}, {"count", 3}}); };
    EXPECT_EQ(written(level::info, write),
              "{T,\"level\":\"INFO\",\"event\":\"x\",\"count\":3,\"app\":\"app\"}\n");
    EXPECT_TRUE(written(level::info, write, log_format::console).ends_with(" x  count=3\n"));
}

TEST(log, writes_the_timestamp_in_utc_microseconds) {
    std::string text;
    const auto before = base::system_clock().utc_now();
    {
        const auto service = make_log({.sink = [&](std::string_view lines) { text += lines; }});
        service->info("x");
        service->info("x");
    }
    const auto after = base::system_clock().utc_now();
    constexpr std::string_view prefix = "{\"timestamp\":\"";
    constexpr std::size_t length = std::string_view("2025-11-24T14:30:00.123456Z").size();
    const auto second_line = text.find('\n') + 1;
    auto earliest = before;
    for (const std::size_t begin : {std::size_t{0}, second_line}) {
        ASSERT_GT(text.size(), begin + prefix.size() + length);
        EXPECT_EQ(text.substr(begin, prefix.size()), prefix);
        const auto timestamp = text.substr(begin + prefix.size(), length);
        const auto written_at = base::from_rfc3339(timestamp);
        ASSERT_TRUE(written_at) << timestamp;
        EXPECT_EQ(base::to_rfc3339_micro(*written_at), timestamp);
        EXPECT_GE(*written_at, earliest);
        EXPECT_LE(*written_at, after);
        earliest = *written_at;
    }
}

TEST(log, ends_every_json_line_with_the_app_and_the_environment) {
    std::string text;
    make_log({.environment = "production", .sink = [&](std::string_view lines) { text += lines; }})
        ->info("x");
    EXPECT_TRUE(
        text.ends_with(",\"app\":\"KubeDB DBaaS Platform\",\"environment\":\"production\"}\n"))
        << text;
}

TEST(log, escapes_control_characters_and_quotes) {
    EXPECT_EQ(written(level::info,
                      [](log& target) {
                          target.info("e", {{"k", std::string_view("a\"b\\c\n\t\0\x7f", 9)}});
                      }),
              "{T,\"level\":\"INFO\",\"event\":\"e\",\"k\":\"a\\\"b\\\\c\\n\\u0009\\u0000\\u007f\","
              "\"app\":\"app\"}\n");
}

TEST(log, replaces_invalid_utf8) {
    for (const auto* bad : {"\xff", "\xc0", "\xe2\x82", "\xed\xa0\x80", "\xf5", "\xf0\x80"}) {
        const auto line =
            written(level::info, [&](log& target) { target.info("e", {{"k", bad}}); });
        EXPECT_NE(line.find("\"k\":\"\\ufffd"), std::string::npos) << line;
    }
    EXPECT_NE(written(level::info, [](log& target) { target.info("e", {{"k", "žluť €"}}); })
                  .find("žluť €"),
              std::string::npos);
}

TEST(log, writes_null_for_nan) {
    EXPECT_NE(written(level::info, [](log& target) { target.info("e", {{"k", 0.0 / 0.0}}); })
                  .find("\"k\":null"),
              std::string::npos);
}

TEST(log, writes_seven_digits_of_a_double) {
    const auto line = written(
        level::info, [](log& target) { target.info("e", {{"ms", 0.0056489999999999995}}); });
    EXPECT_NE(line.find("\"ms\":0.005649,"), std::string::npos) << line;
}

TEST(log, writes_the_largest_integers_exactly) {
    const auto line = written(level::info, [](log& target) {
        target.info("e", {{"u", std::uint64_t(18446744073709551615U)}, {"i", INT64_MIN}});
    });
    EXPECT_NE(line.find("\"u\":18446744073709551615,\"i\":-9223372036854775808"), std::string::npos)
        << line;
}

TEST(log, drops_lines_beyond_queue_bytes_max) {
    const std::string large(10'000, 'x');
    std::string text;
    const auto service = make_log({.queue_bytes_max = 15'000,
                                   .batch_delay = std::chrono::hours(1),
                                   .sink = [&](std::string_view lines) { text += lines; }});
    // A line above a quarter of the limit may be written at any time. A line above the limit never
    // fits.
    service->info("e", {{"k", std::string(20'000, 'x')}});
    EXPECT_EQ(service->dropped(), 1U);
    service->info("e", {{"k", large}});
    service->flush();
    EXPECT_EQ(service->dropped(), 1U);
    EXPECT_NE(text.find("xxx"), std::string::npos);
    EXPECT_NE(text.find("log_lines_dropped"), std::string::npos);
}

TEST(log, flush_ends_while_other_threads_write) {
    std::atomic<bool> is_over{false};
    const auto service = make_log({.sink = [](std::string_view) {}});
    std::thread other([&] {
        while (!is_over) service->info("tick");
    });
    for (int i = 0; i < 50; ++i) service->flush();
    is_over = true;
    other.join();
}

TEST(log, counts_the_lines_of_a_sink_that_throws) {
    std::string text;
    bool is_broken = true;
    const auto service = make_log({.sink = [&](std::string_view lines) {
        if (is_broken) throw std::runtime_error("full");
        text += lines;
    }});
    service->info("lost");
    service->flush();
    EXPECT_EQ(service->dropped(), 1U);
    service->info("lost, too");
    service->flush();
    EXPECT_EQ(service->dropped(), 2U);
    is_broken = false;
    service->info("kept");
    service->flush();
    EXPECT_NE(text.find("kept"), std::string::npos);
    EXPECT_NE(text.find("\"event\":\"log_lines_dropped\",\"count\":2"), std::string::npos) << text;
    const auto reported_end = text.size();
    service->info("more");
    service->flush();
    EXPECT_EQ(text.find("log_lines_dropped", reported_end), std::string::npos)
        << "the count is reported once";
}

// Replaces standard error by a pipe that does not block.
class piped_stderr {
  public:
    piped_stderr() {
        EXPECT_EQ(::pipe2(ends_, O_CLOEXEC | O_NONBLOCK), 0);
        ::dup2(ends_[1], STDERR_FILENO);
    }
    ~piped_stderr() {
        restore();
        for (const int descriptor : {original_, ends_[0], ends_[1]}) ::close(descriptor);
    }
    piped_stderr(const piped_stderr&) = delete;
    piped_stderr& operator=(const piped_stderr&) = delete;
    void restore() { ::dup2(original_, STDERR_FILENO); }
    // Appends the next bytes to `text`. Returns false after timeout_ms without data.
    bool read_more(std::string& text, int timeout_ms = 10'000) {
        pollfd full{.fd = ends_[0], .events = POLLIN, .revents = 0};
        if (::poll(&full, 1, timeout_ms) <= 0) return false;
        std::array<char, 4096> buffer{};
        const auto size = ::read(ends_[0], buffer.data(), buffer.size());
        if (size > 0) text.append(buffer.data(), static_cast<std::size_t>(size));
        return true;
    }

  private:
    int original_ = ::dup(STDERR_FILENO);
    int ends_[2];
};

TEST(log, waits_for_a_full_pipe) {
    piped_stderr pipe;
    constexpr int lines = 5000;
    const std::string text(100, 'x');
    std::string output;
    std::thread reader([&] {
        while (std::ranges::count(output, '\n') < lines && pipe.read_more(output)) {
        }
    });
    {
        const auto service = make_log({});
        for (int i = 0; i < lines; ++i) service->info("e", {{"k", text}});
    }
    reader.join();
    pipe.restore();
    EXPECT_EQ(std::ranges::count(output, '\n'), lines);
}

TEST(log, starts_a_new_line_after_a_truncated_one) {
    piped_stderr pipe;
    std::string output;
    {
        const auto service = make_log({.write_timeout = std::chrono::milliseconds(0)});
        service->info("large",
                      {{"k", std::string(1'000'000, 'x')}});  // more than the capacity of a pipe
        service->flush();
        EXPECT_EQ(service->dropped(), 1U);
        while (pipe.read_more(output, 0)) {
        }
        service->info("next");
        service->flush();
        while (std::ranges::count(output, '\n') < 3) ASSERT_TRUE(pipe.read_more(output));
    }
    pipe.restore();
    const auto line_end = output.find('\n');
    EXPECT_EQ(output[line_end - 1], 'x');
    EXPECT_TRUE(output.substr(line_end + 1).starts_with("{\"timestamp\""))
        << output.substr(line_end + 1);
    EXPECT_NE(output.find("\"event\":\"next\"", line_end), std::string::npos);
    EXPECT_NE(output.find("\"event\":\"log_lines_dropped\",\"count\":1", line_end),
              std::string::npos);
}

TEST(log, masks_secrets) {
    const auto line = written(level::info, [](log& target) {
        target.info("e", {{"password", base::secret("hunter2")}});
    });
    EXPECT_EQ(line.find("hunter2"), std::string::npos);
    EXPECT_NE(line.find("\"password\":\"***\""), std::string::npos);
}

TEST(log, drops_events_below_its_level) {
    EXPECT_EQ(
        written(level::warning, [](log& target) { target.info("quiet"), target.debug("quieter"); }),
        "");
    EXPECT_NE(written(level::warning, [](log& target) { target.error("loud"); }), "");
}

TEST(log, writes_the_console_format) {
    const auto line = written(
        level::info,
        [](log& target) { target.info("started", {{"port", 8000}, {"who", "a b"}, {"id", "x"}}); },
        log_format::console);
    EXPECT_EQ(line[8], '.');
    EXPECT_EQ(line.substr(15), " INFO     started  port=8000  who=\"a b\"  id=x\n");
}

TEST(log, counts_and_reports_dropped_lines) {
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

TEST(log, writes_whole_lines_from_many_threads) {
    std::string text;
    {
        const auto service = make_log({.sink = [&](std::string_view lines) { text += lines; }});
        std::vector<std::thread> threads;
        threads.reserve(4);
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
    for (std::size_t start = 0; start < text.size(); ++lines) {
        const auto end = text.find('\n', start);
        ASSERT_NE(end, std::string::npos);
        ASSERT_EQ(text[start], '{');
        ASSERT_EQ(text[end - 1], '}');
        start = end + 1;
    }
    EXPECT_EQ(lines, 8000u);
}

TEST(null_log, is_never_enabled) {
    EXPECT_FALSE(null_log().is_enabled(level::critical));
}

}  // namespace
}  // namespace obs
