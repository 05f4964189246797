#include "obs/log.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <type_traits>

#include "base/clock.hpp"
#include "base/time_text.hpp"
#include "base/utf8.hpp"

namespace obs {
namespace {

std::string_view name(level severity) noexcept {
    switch (severity) {
        case level::trace:
            return "TRACE";
        case level::debug:
            return "DEBUG";
        case level::info:
            return "INFO";
        case level::warning:
            return "WARNING";
        case level::error:
            return "ERROR";
        case level::critical:
            return "CRITICAL";
        case level::off:
            return "OFF";
    }
    return "OFF";
}

bool is_plain(char c) noexcept {
    const auto byte = static_cast<unsigned char>(c);
    return (unsigned(byte >= 0x20) & unsigned(byte < 0x7F) & unsigned(c != '"') &
            unsigned(c != '\\')) != 0;
}

// Reads the whole text, so that the compiler can use vector instructions.
bool is_all_plain(std::string_view text) noexcept {
    unsigned result = 1;
    for (const char c : text) result &= unsigned(is_plain(c));
    return result != 0;
}

// Appends the inside of a JSON string (RFC 8259 section 7). Invalid UTF-8 becomes U+FFFD.
void append_escaped(std::string& line, std::string_view text) {
    if (is_all_plain(text)) {
        line.append(text);
        return;
    }
    while (!text.empty()) {
        const auto run =
            static_cast<std::size_t>(std::ranges::find_if_not(text, is_plain) - text.begin());
        line.append(text.substr(0, run));
        text.remove_prefix(run);
        if (text.empty()) return;
        const char c = text[0];
        std::size_t used = 1;
        if (c == '"' || c == '\\') {
            line += '\\';
            line += c;
        } else if (c == '\n') {
            line += "\\n";
        } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
            fmt::format_to(std::back_inserter(line), "\\u{:04x}", static_cast<unsigned>(c));
        } else if (const auto length = base::utf8_length(text); length > 0) {
            line.append(text.substr(0, length));
            used = length;
        } else {
            line += "\\ufffd";
        }
        text.remove_prefix(used);
    }
}

void append_string(std::string& line, std::string_view text) {
    line += '"';
    append_escaped(line, text);
    line += '"';
}

// Seven digits are enough for people. JSON has no NaN and no infinity.
void append_number(std::string& line, double value) {
    if (std::isfinite(value)) {
        fmt::format_to(std::back_inserter(line), "{:.7g}", value);
    } else {
        line += "null";
    }
}

void append_value(std::string& line, const field::value_type& value) {
    std::visit(
        [&](const auto& content) {
            using content_type = std::remove_cvref_t<decltype(content)>;
            if constexpr (std::is_same_v<content_type, std::string_view>) {
                append_string(line, content);
            } else if constexpr (std::is_same_v<content_type, double>) {
                append_number(line, content);
            } else {
                fmt::format_to(std::back_inserter(line), "{}", content);
            }
        },
        value);
}

// The positions in "2025-11-24T14:30:00.123456Z".
constexpr std::size_t time_offset = 11;
constexpr std::size_t time_length = 15;
constexpr std::size_t microseconds_end = 26;

void set_microseconds(std::string& timestamp, std::chrono::microseconds fraction) {
    auto rest = fraction.count();
    for (std::size_t digit = 1; digit <= 6; ++digit, rest /= 10) {
        timestamp[microseconds_end - digit] = static_cast<char>('0' + rest % 10);
    }
}

void append_json(std::string& line, std::string_view timestamp, level severity,
                 std::string_view event, std::initializer_list<field> fields,
                 std::string_view constant_fields) {
    line += "{\"timestamp\":\"";
    line += timestamp;
    line += "\",\"level\":\"";
    line += name(severity);
    line += "\",\"event\":";
    append_string(line, event);
    for (const auto& field : fields) {
        if (field.key().empty()) continue;
        line += ',';
        append_string(line, field.key());
        line += ':';
        append_value(line, field.value());
    }
    line += constant_fields;
    line += "}\n";
}

// Returns ,"app":"...","environment":"...".
std::string constant_fields_of(const log_options& options) {
    std::string text = ",\"app\":";
    append_string(text, options.app);
    if (!options.environment.empty()) {
        text += ",\"environment\":";
        append_string(text, options.environment);
    }
    return text;
}

std::string_view colour_of(level severity) noexcept {
    if (severity >= level::error) return "\033[31m";
    if (severity == level::warning) return "\033[33m";
    return severity == level::info ? "\033[32m" : "\033[2m";
}

void append_console(std::string& line, std::string_view timestamp, level severity,
                    std::string_view event, std::initializer_list<field> fields, bool colour) {
    line += timestamp.substr(time_offset, time_length);
    fmt::format_to(std::back_inserter(line), " {}{:<8}{} ", colour ? colour_of(severity) : "",
                   name(severity), colour ? "\033[0m" : "");
    append_escaped(line, event);
    for (const auto& field : fields) {
        if (field.key().empty()) continue;
        line += "  ";
        append_escaped(line, field.key());
        line += '=';
        const auto* text = std::get_if<std::string_view>(&field.value());
        const bool is_unquoted = text != nullptr && !text->empty() &&
                                 text->find_first_of(" \"=") == std::string_view::npos;
        if (is_unquoted) {
            append_escaped(line, *text);
        } else {
            append_value(line, field.value());
        }
    }
    line += '\n';
}

// Writes to standard error. Waits while it is a full pipe. After a failure in the middle of a line,
// the next write starts with a newline.
class standard_error {
  public:
    explicit standard_error(std::chrono::milliseconds timeout) : timeout_(timeout) {}

    void operator()(std::string_view lines) {
        if (is_inside_line_) write("\n");
        write(lines);
    }

  private:
    void write(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto written = ::write(STDERR_FILENO, bytes.data(), bytes.size());
            if (written > 0) {
                const auto size = static_cast<std::size_t>(written);
                is_inside_line_ = bytes[size - 1] != '\n';
                bytes.remove_prefix(size);
            } else if (written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
                pollfd watched{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
                if (::poll(&watched, 1, static_cast<int>(timeout_.count())) == 0) {
                    throw std::runtime_error("standard error is not read");
                }
            } else if (written == 0 || errno != EINTR) {
                throw std::runtime_error("standard error is closed");
            }
        }
    }

    std::chrono::milliseconds timeout_;
    bool is_inside_line_ = false;
};

class queued_log final : public log_service {
  public:
    explicit queued_log(log_options options)
        : options_(std::move(options)),
          level_min_(options_.level_min),
          constant_fields_(constant_fields_of(options_)) {
        if (!options_.sink) options_.sink = standard_error(options_.write_timeout);
        writer_ = std::thread([this] { serve(); });
    }

    ~queued_log() override {
        {
            const std::lock_guard lock(mutex_);
            is_stopping_ = true;
        }
        filled_.notify_one();
        writer_.join();
    }

    bool is_enabled(level severity) const noexcept override {
        return severity >= level_min_.load(std::memory_order_relaxed);
    }

    void set_level_min(level minimum) noexcept override {
        level_min_.store(minimum, std::memory_order_relaxed);
    }

    void write(level severity, std::string_view event,
               std::initializer_list<field> fields) override {
        thread_local std::string line;
        line.clear();
        format(line, severity, event, fields);
        bool must_wake = false;
        {
            const std::lock_guard lock(mutex_);
            must_wake = accepted_++ == received_;
            if (queued_lines_ >= options_.queue_lines_max ||
                queue_.size() + line.size() > options_.queue_bytes_max) {
                ++dropped_unreported_;
                ++dropped_;
            } else {
                queue_ += line;
                ++queued_lines_;
                must_wake = must_wake || is_large();
            }
        }
        if (must_wake) filled_.notify_one();
    }

    void flush() override {
        std::unique_lock lock(mutex_);
        const auto target = accepted_;
        ++flushes_;
        filled_.notify_one();
        emptied_.wait(lock, [&] { return done_ >= target; });
        --flushes_;
    }

    std::uint64_t dropped() const noexcept override {
        const std::lock_guard lock(mutex_);
        return dropped_;
    }

  private:
    void format(std::string& line, level severity, std::string_view event,
                std::initializer_list<field> fields) {
        // Each thread formats date and time once per second, and the microseconds of each line.
        thread_local std::chrono::sys_seconds second{};
        thread_local std::string timestamp;
        const auto now = base::system_clock().utc_now();
        const auto now_second = std::chrono::floor<std::chrono::seconds>(now);
        if (now_second != second || timestamp.empty()) {
            second = now_second;
            timestamp = base::to_rfc3339_micro(now_second);
        }
        set_microseconds(timestamp, now - now_second);
        if (options_.format == log_format::json) {
            append_json(line, timestamp, severity, event, fields, constant_fields_);
        } else {
            append_console(line, timestamp, severity, event, fields, options_.colour);
        }
    }

    // Waits for a line, then up to batch_delay for more: one write and one wake-up per batch.
    void wait_for_batch(std::unique_lock<std::mutex>& lock) {
        filled_.wait(lock, [this] { return is_stopping_ || accepted_ != received_; });
        filled_.wait_for(lock, options_.batch_delay,
                         [this] { return is_stopping_ || flushes_ > 0 || is_large(); });
    }
    [[nodiscard]] bool is_large() const noexcept {
        return queue_.size() > options_.queue_bytes_max / 4 ||
               queued_lines_ > options_.queue_lines_max / 4;
    }

    void serve() {
        std::string batch;
        std::unique_lock lock(mutex_);
        while (true) {
            wait_for_batch(lock);
            if (accepted_ == received_) return;
            batch.clear();
            batch.swap(queue_);
            const auto lines = std::exchange(queued_lines_, 0);
            const auto dropped = std::exchange(dropped_unreported_, 0);
            received_ = accepted_;
            lock.unlock();
            if (dropped > 0)
                format(batch, level::warning, "log_lines_dropped", {{"count", dropped}});
            const bool is_written = write_batch(batch);
            lock.lock();
            if (!is_written) {
                dropped_ += lines;
                dropped_unreported_ += dropped + lines;
            }
            done_ = received_;
            emptied_.notify_all();
        }
    }

    bool write_batch(const std::string& batch) noexcept {
        try {
            options_.sink(batch);
            return true;
        } catch (...) {  // serve() counts the lines as dropped
            return false;
        }
    }

    log_options options_;
    std::atomic<level> level_min_;
    const std::string constant_fields_;  // of a JSON line
    mutable std::mutex mutex_;
    std::condition_variable filled_;
    std::condition_variable emptied_;
    std::string queue_;  // whole lines
    std::size_t queued_lines_ = 0;
    std::uint64_t dropped_unreported_ = 0;
    std::uint64_t dropped_ = 0;
    // Numbers of lines, including dropped ones: accepted by write(), received by the writer, done.
    std::uint64_t accepted_ = 0;
    std::uint64_t received_ = 0;
    std::uint64_t done_ = 0;
    int flushes_ = 0;  // calls of flush() in progress
    bool is_stopping_ = false;
    std::thread writer_;
};

class silent_log final : public log {
  public:
    void write(level, std::string_view, std::initializer_list<field>) override {}
    bool is_enabled(level) const noexcept override { return false; }
};

}  // namespace

std::unique_ptr<log_service> make_log(log_options options) {
    return std::make_unique<queued_log>(std::move(options));
}

log& null_log() noexcept {
    static silent_log the_log;
    return the_log;
}

}  // namespace obs
