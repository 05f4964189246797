#pragma once
// The table of options and the parser of one value. Private to config.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "config/config.hpp"

namespace config {

struct value_range {
    std::int64_t min = 0;
    std::int64_t max = 0;
};

struct option_description {
    std::string_view environment;      // "DBAAS_LISTEN"
    std::string_view key;              // flag and YAML key: "listen"
    std::string_view default_value{};  // as text; empty = none
    std::string_view help;             // a sentence
    // The accepted values: a range, choices, or a description such as "ADDRESS:PORT".
    value_range range{};
    std::string_view unit{};  // of the range: "seconds"
    std::span<const std::string_view> choices{};
    std::string_view format{};
    bool is_secret = false;
    bool is_in_use = true;
    bool is_reloadable = false;  // SIGHUP puts a changed value into use
    bool is_switch = false;      // as a flag, needs no value and means true
    // Parses `text` into its member of `out`. Returns an empty string, or a message without the
    // value.
    std::string (*read)(const option_description& option, std::string_view text, options& out);
};

std::span<const option_description> all_options() noexcept;

// Returns the accepted values for people: "1 to 3600 seconds", "auto, json, console".
std::string accepted_values(const option_description& option);

}  // namespace config
