#pragma once
// What can happen is a value: outcome<T> is a T or a failure. The list of errc is short and shared
// by every module; the api module maps it to HTTP status codes in one table. Plain values, usable
// on every thread.

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace base {

enum class errc : std::uint8_t {
    invalid,    // the input breaks a rule; `fields` says where
    not_found,  // the named thing does not exist
    conflict,   // exists already, or another writer was first, or not possible in the present state
    precondition,  // the caller's stated revision or uid is not the present one
    denied,        // authenticated, but not permitted (or credentials refused by a peer)
    limit,         // a quota, a size or a rate limit
    unavailable,   // a peer is down or overloaded; retryable
    timed_out,     // the deadline passed; the effect is unknown
    cancelled,     // the owner is stopping
    unsupported,   // the peer or the engine cannot do that
    gone,          // a position in a stream is too old (HTTP 410)
    corrupt,       // bytes that should parse do not (a peer's or our own)
    internal,      // a defect of ours
};

// "not_found", "conflict", ...: the spelling in logs and problem documents.
std::string_view name(errc code) noexcept;

// A fault at one input field: RFC 6901 pointer ("/size/cpu"), a stable code ("out_of_range") and a
// sentence.
struct field_error {
    std::string pointer;
    std::string code;
    std::string message;
    bool operator==(const field_error&) const = default;
};

struct failure {
    errc code = errc::internal;
    std::string text;      // a sentence for people, never holding a secret
    std::string reason{};  // a stable machine word finer than code ("object_missing"); may be empty
    std::vector<field_error> fields{};
    std::optional<std::chrono::seconds> retry_after{};

    // The same failure with "where: " in front of the text: add it once per module crossed.
    [[nodiscard]] failure in(std::string_view where) &&;
    [[nodiscard]] failure in(std::string_view where) const&;
    [[nodiscard]] bool retryable() const noexcept {
        return code == errc::unavailable || code == errc::timed_out;
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

// Returns the failure of `result` as a result of another type: `return base::pass(pods);`. With
// `where`, adds "where: " to its text. Precondition: `result` holds a failure.
template <class T>
[[nodiscard]] std::unexpected<failure> pass(const std::expected<T, failure>& result) {
    return std::unexpected(result.error());
}
template <class T>
[[nodiscard]] std::unexpected<failure> pass(const std::expected<T, failure>& result,
                                            std::string_view where) {
    return std::unexpected(result.error().in(where));
}
template <class T>
[[nodiscard]] std::unexpected<failure> pass(std::expected<T, failure>&& result) {
    return std::unexpected(std::move(result).error());
}
template <class T>
[[nodiscard]] std::unexpected<failure> pass(std::expected<T, failure>&& result,
                                            std::string_view where) {
    return std::unexpected(std::move(result).error().in(where));
}

}  // namespace base
