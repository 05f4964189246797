#include "obs/log_levels.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>

namespace obs {
namespace {

std::optional<std::size_t> find_name(std::span<const std::string_view> names,
                                     std::string_view name) noexcept {
    const auto it = std::ranges::find(names, name);
    if (it == names.end()) return std::nullopt;
    return static_cast<std::size_t>(it - names.begin());
}

auto fail(std::string_view part, std::string text, std::string reason = "unknown_value") {
    return base::fail(base::errc::invalid, fmt::format("the part '{}' {}", part, text),
                      std::move(reason));
}

}  // namespace

base::outcome<log_levels> parse_log_levels(std::string_view text) {
    log_levels result;
    bool has_common = false;
    while (true) {
        const auto part = text.substr(0, text.find(','));
        const auto equals = part.find('=');
        const bool has_module = equals != std::string_view::npos;
        const auto severity = find_name(level_names, has_module ? part.substr(equals + 1) : part);
        if (!severity) {
            return fail(
                part, fmt::format("must have one of the levels {}", fmt::join(level_names, ", ")));
        }
        if (has_module) {
            const auto module = find_name(log_module_names, part.substr(0, equals));
            if (!module) {
                return fail(part, fmt::format("must have one of the modules {}",
                                              fmt::join(log_module_names, ", ")));
            }
            auto& target = result.modules[*module];
            if (target) return fail(part, "repeats its module", "repeated");
            target = level(*severity);
        } else {
            if (has_common) return fail(part, "is the second level without a module", "repeated");
            has_common = true;
            result.common = level(*severity);
        }
        if (part.size() == text.size()) return result;
        text.remove_prefix(part.size() + 1);
    }
}

std::string to_text(const log_levels& levels) {
    std::string text(level_names[std::size_t(levels.common)]);
    for (std::size_t index = 0; index < log_module_count; ++index) {
        const auto& severity = levels.modules[index];
        if (!severity) continue;
        text += fmt::format(",{}={}", log_module_names[index], level_names[std::size_t(*severity)]);
    }
    return text;
}

}  // namespace obs
