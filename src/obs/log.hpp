#pragma once
// Log events: a constant message plus fields, one JSON line each. Never blocks the caller: lines go
// through a bounded queue to a writer thread; what does not fit, or cannot be written, is counted
// and reported in a line of its own ("log_lines_dropped", count). Any thread.

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

// The door for every module: a reference to it comes through constructors.
class log {
  public:
    virtual ~log() = default;
    // {"timestamp":"2025-11-24T14:30:00Z","level":"INFO","event":<event>, <fields...>,
    // "app":"KubeDB DBaaS Platform"}
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
    level least = level::info;
    log_format format = log_format::json;
    bool colour = false;  // console only
    std::string app = "KubeDB DBaaS Platform";
    std::size_t queue_lines_max = 65536;
    std::size_t queue_bytes_max = 32 * 1024 * 1024;
    // How long the first line of a batch may wait for more.
    std::chrono::milliseconds gather_for{5};
    // Receives whole lines with their newline, on the writer thread; empty = standard error.
    // Several lines may come at once. Lines that it throws at are counted as dropped and reported
    // when it takes lines again.
    std::function<void(std::string_view lines)> sink{};
    // How long standard error is waited for when it is a pipe that nobody reads.
    std::chrono::milliseconds reader_patience{5000};
};

class log_service : public log {
  public:
    virtual void flush() = 0;  // waits until everything written before it is out
    [[nodiscard]] virtual std::uint64_t dropped() const noexcept = 0;
};

// Owns the writer thread; the destructor flushes.
std::unique_ptr<log_service> make_log(log_options options);

// Swallows everything; lives for the whole program.
log& null_log() noexcept;

}  // namespace obs
