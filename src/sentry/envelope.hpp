#pragma once
// The wire format of Sentry: the DSN, events as envelopes, and the limits that the server sets.
// Pure.

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/failure.hpp"
#include "base/secret.hpp"
#include "http/message.hpp"

namespace sentry {

struct dsn {
    http::url server;  // its path is that of the envelopes: "/api/1/envelope/"
    std::string public_key;
};
// Parses "https://KEY@HOST[:PORT][/PATH]/PROJECT". Errors: invalid; the text contains no key.
base::outcome<dsn> parse_dsn(const base::secret& text);

// Names and values of a log line. Values are text, without secrets (scrubbed()).
using event_fields = std::vector<std::pair<std::string, std::string>>;

struct breadcrumb {
    base::instant time{};
    std::string level{};  // "warning", "error", "info"
    std::string event{};
    event_fields fields{};
};

struct report {
    std::string id{};  // 32 hexadecimal characters
    breadcrumb cause{};
    std::vector<breadcrumb> before{};  // oldest first
    std::string release{};
    std::string environment{};
    std::string server_name{};
    std::size_t repeated = 0;  // equal events since the previous report
};

// Returns what groups reports: the event, and the fields that are causes (`code`, `name`, ...).
std::vector<std::string> fingerprint_of(const breadcrumb& cause);
// Returns the body of the request.
std::string encode(const report& source, base::instant now);
// Returns the value without credentials: those of fields whose name says so, user information in
// URLs, API keys and bearer tokens.
std::string scrubbed(std::string_view name, std::string value);

// The times until which the server accepts no errors.
class rate_limits {
  public:
    // Reads X-Sentry-Rate-Limits, or Retry-After of a 429.
    void update(unsigned status, const http::headers& headers, base::steady_time now);
    [[nodiscard]] bool allow(base::steady_time now) const noexcept { return now >= end_; }
    // Returns the time until errors are accepted again; 0 if they are.
    [[nodiscard]] std::chrono::nanoseconds wait(base::steady_time now) const noexcept {
        return allow(now) ? std::chrono::nanoseconds(0) : end_ - now;
    }

  private:
    base::steady_time end_ = base::steady_time::min();
};

}  // namespace sentry
