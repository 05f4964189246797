#pragma once
// HTTP/1.1 messages as plain values for server and client (RFC 9110, RFC 9112). Pure; without
// Beast.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/failure.hpp"

namespace http {

enum class method : std::uint8_t { get, head, post, put, patch, del, options, other };
std::string_view name(method verb) noexcept;  // "GET", "DELETE", ...

struct header {
    std::string name;
    std::string value;
};

class headers {
  public:
    headers() = default;
    headers(std::initializer_list<header> list) : items_(list) {}
    // Returns the first value of a name, or an empty view. Names are case-insensitive.
    [[nodiscard]] std::string_view get(std::string_view name) const noexcept;
    [[nodiscard]] bool has(std::string_view name) const noexcept;
    void add(std::string name, std::string value);
    // Adds the value to that of the name, after a comma (RFC 9110, 5.3), or a semicolon if the name
    // is Cookie. An equal value is not added.
    void append(std::string_view name, std::string_view value);
    void set(std::string_view name, std::string value);  // replaces all values of the name
    void erase(std::string_view name);
    [[nodiscard]] std::span<const header> items() const noexcept { return items_; }

  private:
    std::vector<header> items_;
};

// Immutable bytes that many responses share without a copy, plus small parts per response. Most
// bodies have one part.
struct body {
    std::shared_ptr<const std::string> shared;  // may be null
    std::string before{};                       // sent before `shared`
    std::string after{};                        // sent after `shared`
    // If split_at > 0, `middle` is sent between shared[0, split_at) and shared[split_at, end).
    std::size_t split_at = 0;
    std::string middle{};

    body() = default;
    // Implicit, so that a handler can assign a string or shared bytes to response.body.
    // NOLINTBEGIN(google-explicit-constructor)
    body(std::string text) : before(std::move(text)) {}
    body(std::shared_ptr<const std::string> bytes) : shared(std::move(bytes)) {}
    // NOLINTEND(google-explicit-constructor)
    [[nodiscard]] std::size_t size() const noexcept {
        return before.size() + (shared ? shared->size() : 0) + middle.size() + after.size();
    }
    [[nodiscard]] std::string to_string() const;  // joins the parts; for tests and small bodies
};

struct request {
    method verb = method::get;
    std::string verb_text{};  // as received, for method::other
    std::string target{};     // as received: "/api/v1/databases?limit=5"
    http::headers headers{};
    std::string body{};
    std::string peer{};                   // "127.0.0.1:40312"; set by the server
    bool secure = false;                  // received over TLS; set by the server
    std::shared_ptr<void> handed_over{};  // from handler::handle_now() to handle()

    // Return the parts of target, still percent-encoded.
    [[nodiscard]] std::string_view path() const noexcept;
    [[nodiscard]] std::string_view query() const noexcept;
};

struct response {
    unsigned status = 200;
    http::headers headers{};
    http::body body{};
};

// Decodes percent escapes. Returns nullopt if the text contains a broken escape, a NUL or invalid
// UTF-8. plus_is_space selects the form rules for query strings.
std::optional<std::string> decode_percent(std::string_view text, bool plus_is_space);
// Decodes the escapes of unreserved characters, which every spelling of a path may have (RFC 3986,
// 6.2.2.2). Leaves other escapes unchanged.
std::string decode_unreserved(std::string_view path);
std::string encode_percent(std::string_view text);  // all except unreserved characters

struct query_item {
    std::string name;
    std::string value;
};
// Parses "a=1&b=x%20y" and keeps the order. Errors: invalid.
base::outcome<std::vector<query_item>> parse_query(std::string_view query);

struct entity_tag {
    bool weak = false;
    std::string_view text;  // between the quotes; a view into the parsed text
    bool operator==(const entity_tag&) const = default;
};
// Parses one or several tags: "\"a\", W/\"b\"" (RFC 9110, 8.8.3 and 13.1.1). Errors: invalid.
base::outcome<std::vector<entity_tag>> parse_entity_tags(std::string_view text);

struct host_port {
    std::string host;  // without brackets for IPv6
    std::optional<std::uint16_t> port;
};
// Parses "host", "host:port", "[address]" and "[address]:port". Errors: invalid.
base::outcome<host_port> parse_host_port(std::string_view text);

// The parts of "https://host:port/base".
struct url {
    bool secure = false;
    std::string host;  // without brackets for IPv6
    std::uint16_t port = 0;
    std::string path;  // "" or "/base"
    bool operator==(const url&) const = default;
};
// Errors: invalid.
base::outcome<url> parse_url(std::string_view text);

}  // namespace http
