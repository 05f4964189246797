#pragma once
// Appends JSON (RFC 8259) to a string without a tree in between. The caller must close what it
// opens.

#include <cstdint>
#include <string>
#include <string_view>

namespace api {

class json_writer {
  public:
    explicit json_writer(std::string& out) : out_(out) {}

    json_writer& begin_object() { return open('{'); }
    json_writer& end_object() { return close('}'); }
    json_writer& begin_array() { return open('['); }
    json_writer& end_array() { return close(']'); }
    json_writer& key(std::string_view name);
    json_writer& text(std::string_view value);
    json_writer& integer(std::int64_t value);
    // Writes the shortest text that parses to the same number; null for NaN and infinities.
    json_writer& number(double value);
    json_writer& boolean(bool value);
    json_writer& null();
    // Appends a value that is JSON already.
    json_writer& raw(std::string_view json);

    json_writer& member(std::string_view name, std::string_view value) {
        return key(name).text(value);
    }
    json_writer& member(std::string_view name, const std::string& value) {
        return key(name).text(value);
    }
    json_writer& member(std::string_view name, const char* value) { return key(name).text(value); }
    json_writer& member(std::string_view name, bool value) { return key(name).boolean(value); }
    json_writer& member(std::string_view name, std::int64_t value) {
        return key(name).integer(value);
    }
    json_writer& member(std::string_view name, int value) { return key(name).integer(value); }

  private:
    json_writer& open(char bracket);
    json_writer& close(char bracket);
    void separate();
    std::string& out_;
    bool needs_comma_ = false;
};

}  // namespace api
