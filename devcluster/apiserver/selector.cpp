#include "devcluster/apiserver/selector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace apiserver {
namespace {

namespace json = boost::json;

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

// Splits at commas that are not inside parentheses.
std::vector<std::string_view> split(std::string_view text) {
    std::vector<std::string_view> parts;
    std::size_t begun = 0;
    int depth = 0;
    for (std::size_t at = 0; at <= text.size(); ++at) {
        if (at == text.size() || (text[at] == ',' && depth == 0)) {
            const auto part = trimmed(text.substr(begun, at - begun));
            if (!part.empty()) parts.push_back(part);
            begun = at + 1;
        } else if (text[at] == '(') {
            ++depth;
        } else if (text[at] == ')') {
            --depth;
        }
    }
    return parts;
}

std::optional<std::string_view> value_at(const json::object& object, std::string_view path) {
    const json::object* now = &object;
    while (true) {
        const auto dot = path.find('.');
        const auto* value = now->if_contains(path.substr(0, dot));
        if (value == nullptr) return std::nullopt;
        if (dot == std::string_view::npos) {
            if (!value->is_string()) return std::nullopt;
            return std::string_view(value->get_string());
        }
        now = value->if_object();
        if (now == nullptr) return std::nullopt;
        path.remove_prefix(dot + 1);
    }
}

std::optional<std::string_view> label_of(const json::object& object, std::string_view key) {
    const auto* metadata = object.if_contains("metadata");
    const auto* labels = metadata == nullptr || !metadata->is_object()
                             ? nullptr
                             : metadata->get_object().if_contains("labels");
    if (labels == nullptr || !labels->is_object()) return std::nullopt;
    const auto* value = labels->get_object().if_contains(key);
    if (value == nullptr || !value->is_string()) return std::nullopt;
    return std::string_view(value->get_string());
}

}  // namespace

base::outcome<selector> selector::parse(std::string_view labels, std::string_view fields) {
    selector made;
    for (const auto part : split(labels)) {
        term next;
        if (const auto open = part.find('(');
            open != std::string_view::npos && part.ends_with(')')) {
            auto words = trimmed(part.substr(0, open));
            next.is = words.ends_with(" notin") ? relation::not_in : relation::in;
            if (!words.ends_with(" in") && !words.ends_with(" notin")) {
                return base::fail(base::errc::invalid, fmt::format("unable to parse requirement: "
                                                                   "<nil>: '{}'",
                                                                   part));
            }
            words.remove_suffix(next.is == relation::in ? 3 : 6);
            next.path = trimmed(words);
            for (const auto value : split(part.substr(open + 1, part.size() - open - 2))) {
                next.values.emplace_back(value);
            }
        } else if (const auto at = part.find("!="); at != std::string_view::npos) {
            next = {.path = std::string(trimmed(part.substr(0, at))),
                    .is = relation::not_equal,
                    .values = {std::string(trimmed(part.substr(at + 2)))}};
        } else if (const auto sign = part.find('='); sign != std::string_view::npos) {
            const auto width = part.substr(sign).starts_with("==") ? 2U : 1U;
            next = {.path = std::string(trimmed(part.substr(0, sign))),
                    .is = relation::equal,
                    .values = {std::string(trimmed(part.substr(sign + width)))}};
        } else if (part.starts_with('!')) {
            next = {.path = std::string(trimmed(part.substr(1))), .is = relation::absent};
        } else {
            next = {.path = std::string(part), .is = relation::exists};
        }
        if (next.path.empty() || next.path.find(' ') != std::string::npos) {
            return base::fail(base::errc::invalid,
                              fmt::format("unable to parse requirement: '{}'", part));
        }
        made.terms_.push_back(std::move(next));
    }
    for (const auto part : split(fields)) {
        const auto sign = part.find('=');
        if (sign == std::string_view::npos) {
            return base::fail(base::errc::invalid, fmt::format("invalid selector: '{}'", part));
        }
        const bool negative = sign > 0 && part[sign - 1] == '!';
        const auto path = part.substr(0, negative ? sign - 1 : sign);
        auto value = part.substr(sign + 1);
        if (value.starts_with('=')) value.remove_prefix(1);
        if (path != "metadata.name" && path != "metadata.namespace" &&
            !path.starts_with("involvedObject.")) {
            return base::fail(base::errc::invalid,
                              fmt::format("field label not supported: {}", path));
        }
        made.terms_.push_back({.path = std::string(path),
                               .is = negative ? relation::not_equal : relation::equal,
                               .values = {std::string(value)},
                               .is_field = true});
    }
    return made;
}

bool selector::matches(const json::object& object) const {
    return std::ranges::all_of(terms_, [&](const term& each) {
        const auto value =
            each.is_field ? value_at(object, each.path) : label_of(object, each.path);
        const bool listed = value && std::ranges::find(each.values, *value) != each.values.end();
        switch (each.is) {
            case relation::equal:
            case relation::in:
                return listed;
            case relation::not_equal:
            case relation::not_in:
                return !listed;
            case relation::exists:
                return value.has_value();
            case relation::absent:
                return !value.has_value();
        }
        return false;
    });
}

}  // namespace apiserver
