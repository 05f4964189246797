#pragma once
// The Redis serialization protocol, RESP2 and RESP3: an incremental parser of responses and the
// encoder of commands. No I/O. Belongs to one connection.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"

namespace redis {

enum class resp_kind : std::uint8_t {
    null,
    simple,  // a simple string
    error,   // simple or bulk
    integer,
    bulk,  // also a verbatim string, without its format
    array,
    map,  // `items` alternates keys and values
    set,
    push,  // RESP3: not a response
    boolean,
    number,  // a double or a big number, as text
};

struct resp_value {
    resp_kind kind = resp_kind::null;
    std::string text{};               // simple, error, bulk, number
    std::int64_t integer = 0;         // integer; boolean as 0 or 1
    std::vector<resp_value> items{};  // array, map, set, push

    [[nodiscard]] bool is_null() const noexcept { return kind == resp_kind::null; }
    [[nodiscard]] bool is_error() const noexcept { return kind == resp_kind::error; }
    [[nodiscard]] bool is_text() const noexcept {
        return kind == resp_kind::simple || kind == resp_kind::bulk;
    }
    [[nodiscard]] bool is_list() const noexcept {
        return kind == resp_kind::array || kind == resp_kind::set || kind == resp_kind::push;
    }
    // Returns the value of a key of a map, or of an array of pairs as RESP2 sends it. Returns
    // nullptr if the key is absent.
    [[nodiscard]] const resp_value* find(std::string_view key) const noexcept;
    bool operator==(const resp_value&) const = default;
};

// One command: its name and its arguments.
using command_words = std::vector<std::string>;
// Appends the command to `out` as an array of bulk strings.
void encode_command(const command_words& words, std::string& out);

struct resp_limits {
    std::size_t line_bytes = std::size_t{64} * 1024;
    std::size_t value_bytes = std::size_t{64} * 1024 * 1024;  // one value with all of its items
    std::size_t items = 1'000'000;                            // of one value, all levels
    std::size_t depth = 16;
};

class resp_parser {
  public:
    explicit resp_parser(resp_limits limits = {}) : limits_(limits) {}

    void add(std::string_view bytes);
    // Returns the next whole value, or nullopt if more bytes are needed. Errors: corrupt; all
    // later calls then fail too.
    base::outcome<std::optional<resp_value>> next();
    // Returns the number of bytes that wait for the rest of their value.
    [[nodiscard]] std::size_t buffered() const noexcept { return buffer_.size() - position_; }

  private:
    // An aggregate that waits for its items.
    struct frame {
        resp_value value;
        std::size_t missing = 0;
        bool is_attribute = false;  // metadata in front of a value; dropped
    };
    enum class progress : std::uint8_t { complete, more_bytes, more_items };

    base::outcome<progress> read_item(resp_value& item);
    base::outcome<progress> read_line(std::string_view line, resp_value& item);
    base::outcome<progress> begin_bulk(std::string_view digits, resp_kind kind, resp_value& item);
    base::outcome<progress> begin_aggregate(std::string_view digits, char mark, resp_value& item);
    base::outcome<progress> read_bulk(resp_value& item);
    // Adds a complete item to its aggregate and closes every aggregate that it completes. Returns
    // the whole value if no aggregate waits.
    std::optional<resp_value> attach(resp_value item);
    void discard_consumed();

    resp_limits limits_;
    std::string buffer_;
    std::size_t position_ = 0;  // of the first byte that is not parsed
    std::size_t searched_ = 0;  // no line end before this position
    std::vector<frame> frames_;
    std::size_t value_bytes_ = 0;  // of the value in progress
    std::size_t value_items_ = 0;
    std::optional<std::size_t> bulk_bytes_;  // of the bulk in progress
    resp_kind bulk_kind_ = resp_kind::bulk;
    bool bulk_has_format_ = false;
    bool is_corrupt_ = false;
};

}  // namespace redis
