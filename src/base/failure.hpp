#pragma once
// Expected failures are values: an outcome<T> holds a T or a failure. All modules share the short
// list of errc; the api module maps it to HTTP status codes in one table. A decision that needs
// more than `code` compares `cause`. Plain values, usable on every thread.

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cause.hpp"

namespace base {

enum class errc : std::uint8_t {
    invalid,       // the input breaks a rule; `fields` lists the positions
    not_found,     // the named object does not exist
    conflict,      // already exists, lost a race, or impossible in the current state
    precondition,  // the revision or uid given by the caller is not the current one
    denied,        // not permitted, or a dependency rejected the credentials
    limit,         // a quota, a size limit or a rate limit
    unavailable,   // a dependency is down or overloaded; retryable
    timed_out,     // the deadline passed; the effect is unknown; retryable
    cancelled,     // the owner is stopping
    unsupported,   // the dependency or the engine does not have this feature
    gone,          // the position in a stream is too old (HTTP 410)
    corrupt,       // received or stored bytes do not parse
    internal,      // a defect in this program
};

// Returns the spelling in logs and problem documents: "not_found", "conflict", ...
std::string_view name(errc code) noexcept;

// A validation error of one input field.
struct field_error {
    std::string pointer;  // RFC 6901 JSON pointer, "/size/cpu"
    std::string code;     // stable, "out_of_range"
    std::string message;  // a sentence for people
    bool operator==(const field_error&) const = default;
};

struct failure {
    errc code = errc::internal;
    std::string text;      // a sentence for people; must not contain a secret
    std::string reason{};  // for people and JSON: stable, more specific than code; may be empty
    std::vector<field_error> fields{};
    std::optional<std::chrono::seconds> retry_after{};
    base::cause cause{};  // for decisions: the enumerator that `reason` spells; may be empty

    // Returns the failure with "context: " in front of its text. Each module that a failure
    // crosses adds its context once.
    [[nodiscard]] failure in(std::string_view context) &&;
    [[nodiscard]] failure in(std::string_view context) const&;
    [[nodiscard]] bool retryable() const noexcept {
        return code == errc::unavailable || code == errc::timed_out;
    }
    // Sets both the cause and its spelling as the reason.
    template <cause_enum Enum>
    void set_cause(Enum value) {
        cause = value;
        reason = name(value);
    }
};

template <class T>
using outcome = std::expected<T, failure>;

// The success of an operation without a value: `return base::ok();`.
[[nodiscard]] inline outcome<void> ok() {
    return {};
}

// A failure as a result: `return base::fail(errc::not_found, "no such database");`.
[[nodiscard]] inline std::unexpected<failure> fail(errc code, std::string text,
                                                   std::string reason = {}) {
    return std::unexpected(
        failure{.code = code, .text = std::move(text), .reason = std::move(reason)});
}
// Sets both the cause and its spelling as the reason.
template <cause_enum Enum>
[[nodiscard]] std::unexpected<failure> fail(errc code, std::string text, Enum cause) {
    return std::unexpected(failure{
        .code = code, .text = std::move(text), .reason = std::string(name(cause)), .cause = cause});
}

// Returns the failure of `result` as a result of another type: `return base::pass(pods);`. Adds
// "context: " to its text if a context is given. Precondition: `result` holds a failure.
template <class T>
[[nodiscard]] std::unexpected<failure> pass(const std::expected<T, failure>& result) {
    return std::unexpected(result.error());
}
template <class T>
[[nodiscard]] std::unexpected<failure> pass(const std::expected<T, failure>& result,
                                            std::string_view context) {
    return std::unexpected(result.error().in(context));
}
template <class T>
[[nodiscard]] std::unexpected<failure> pass(std::expected<T, failure>&& result) {
    return std::unexpected(std::move(result).error());
}
template <class T>
[[nodiscard]] std::unexpected<failure> pass(std::expected<T, failure>&& result,
                                            std::string_view context) {
    return std::unexpected(std::move(result).error().in(context));
}

}  // namespace base
