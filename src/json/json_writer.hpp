#pragma once
// Appends JSON (RFC 8259) to a string without a tree in between. The caller must close what it
// opens.

#include <cstdint>
#include <string>
#include <string_view>

namespace json {

class writer {
  public:
    explicit writer(std::string& out) : out_(out) {}

    writer& begin_object() { return open('{'); }
    writer& end_object() { return close('}'); }
    writer& begin_array() { return open('['); }
    writer& end_array() { return close(']'); }
    writer& key(std::string_view name);
    writer& text(std::string_view value);
    writer& integer(std::int64_t value);
    // Writes the shortest text that parses to the same number; null for NaN and infinities.
    writer& number(double value);
    writer& boolean(bool value);
    writer& null();
    // Appends a value that is JSON already.
    writer& raw(std::string_view json);

    writer& member(std::string_view name, std::string_view value) { return key(name).text(value); }
    writer& member(std::string_view name, const std::string& value) {
        return key(name).text(value);
    }
    writer& member(std::string_view name, const char* value) { return key(name).text(value); }
    writer& member(std::string_view name, bool value) { return key(name).boolean(value); }
    writer& member(std::string_view name, std::int64_t value) { return key(name).integer(value); }
    writer& member(std::string_view name, int value) { return key(name).integer(value); }

  private:
    writer& open(char bracket);
    writer& close(char bracket);
    void separate();
    std::string& out_;
    bool needs_comma_ = false;
};

}  // namespace json
