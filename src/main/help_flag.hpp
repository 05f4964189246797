#pragma once
// The flag that every command has. Pure.

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

// Returns whether the arguments of a command contain --help or -h.
inline bool wants_help(const std::vector<std::string>& arguments) {
    return std::ranges::any_of(arguments, [](std::string_view argument) {
        return argument == "--help" || argument == "-h";
    });
}
