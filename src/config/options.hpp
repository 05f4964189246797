#pragma once
// The table of options, and how one value is read. Inside config only.

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "config/config.hpp"

namespace config {

struct option_description {
    std::string_view environment;  // "DBAAS_LISTEN"
    std::string_view key;          // flag and YAML key: "listen"
    std::string_view fallback;     // default, as text
    std::string_view bounds;       // for people: "5 to 3600 seconds"
    std::string_view help;         // a sentence
    bool is_secret = false;
    bool is_in_use = true;
    bool is_switch = false;  // a flag without a value means true
    // Empty when the text was taken, else why not (never holding the value).
    std::string (*read)(std::string_view text, options& into);
};

std::span<const option_description> all_options() noexcept;

}  // namespace config
