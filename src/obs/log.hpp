#pragma once
// Log events: a constant message and fields, one JSON line each. Logging never blocks the caller: a
// bounded queue passes the lines to a writer thread. The log counts lines that do not fit or cannot
// be written, and reports the count in the event "log_lines_dropped". Thread: any.

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "base/secret.hpp"

namespace obs {

enum class level : std::uint8_t { trace, debug, info, warning, error, critical, off };

// A field without a key is omitted.
class field {
  public:
    field(std::string_view key, std::string_view value) : key_(key), value_(value) {}
    field(std::string_view key, const std::string& value)
        : key_(key), value_(std::string_view(value)) {}
    field(std::string_view key, const char* value) : key_(key), value_(std::string_view(value)) {}
    field(std::string_view key, bool value) : key_(key), value_(value) {}
    field(std::string_view key, double value) : key_(key), value_(value) {}
    template <class Integer>
        requires std::is_integral_v<Integer>
    field(std::string_view key, Integer value) : key_(key) {
        if constexpr (std::is_signed_v<Integer>) {
            value_ = static_cast<std::int64_t>(value);
        } else {
            value_ = static_cast<std::uint64_t>(value);
        }
    }
    field(std::string_view key, const base::secret&) : key_(key), value_(base::secret::mask()) {}

    using value_type = std::variant<std::string_view, bool, double, std::int64_t, std::uint64_t>;
    [[nodiscard]] std::string_view key() const noexcept { return key_; }
    [[nodiscard]] const value_type& value() const noexcept { return value_; }

  private:
    std::string_view key_;
    value_type value_;
};

// The interface for all modules. They receive a reference in their constructors.
class log {
  public:
    virtual ~log() = default;
    // Writes {"timestamp":"2025-11-24T14:30:00.123456Z","level":"INFO","event":<event>,
    // <fields...>, "app":"KubeDB DBaaS Platform","environment":"production"}.
    virtual void write(level severity, std::string_view event,
                       std::initializer_list<field> fields) = 0;
    [[nodiscard]] virtual bool is_enabled(level severity) const noexcept = 0;

    void debug(std::string_view event, std::initializer_list<field> fields = {}) {
        write_if(level::debug, event, fields);
    }
    void info(std::string_view event, std::initializer_list<field> fields = {}) {
        write_if(level::info, event, fields);
    }
    void warning(std::string_view event, std::initializer_list<field> fields = {}) {
        write_if(level::warning, event, fields);
    }
    void error(std::string_view event, std::initializer_list<field> fields = {}) {
        write_if(level::error, event, fields);
    }

  private:
    void write_if(level severity, std::string_view event, std::initializer_list<field> fields) {
        if (is_enabled(severity)) write(severity, event, fields);
    }
};

enum class log_format : std::uint8_t { json, console };

struct log_options {
    level level_min = level::info;
    log_format format = log_format::json;
    bool colour = false;  // console only
    std::string app = "KubeDB DBaaS Platform";
    std::string environment{};  // a field of every JSON line; empty = no field
    std::size_t queue_lines_max = 65536;
    std::size_t queue_bytes_max = 32 * 1024 * 1024;
    // Maximum delay of the first line of a batch.
    std::chrono::milliseconds batch_delay{5};
    // Receives one or more whole lines on the writer thread; empty = standard error. If it throws,
    // the log counts the lines as dropped and reports them after the next successful call.
    std::function<void(std::string_view lines)> sink{};
    // Timeout of a write to standard error if it is a full pipe.
    std::chrono::milliseconds write_timeout{5000};
};

class log_service : public log {
  public:
    virtual void flush() = 0;  // waits until all earlier lines are written
    // Changes the minimum severity of later events.
    virtual void set_level_min(level minimum) noexcept = 0;
    [[nodiscard]] virtual std::uint64_t dropped() const noexcept = 0;
};

// Returns a log that owns its writer thread. The destructor flushes.
std::unique_ptr<log_service> make_log(log_options options);

// Returns a log that discards everything. The object lives until the program ends.
log& null_log() noexcept;

}  // namespace obs
