#include "devcluster/apiserver/selector.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "devcluster/apiserver/text.hpp"

namespace apiserver {
namespace {

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
    for (std::size_t index = 0; index <= text.size(); ++index) {
        if (index == text.size() || (text[index] == ',' && depth == 0)) {
            const auto part = trimmed(text.substr(begun, index - begun));
            if (!part.empty()) parts.push_back(part);
            begun = index + 1;
        } else if (text[index] == '(') {
            ++depth;
        } else if (text[index] == ')') {
            --depth;
        }
    }
    return parts;
}

// A label's name or value: letters, digits, '-', '_', '.', max 63 characters. A name may have a
// prefix.
bool is_label_word(std::string_view word, bool may_be_empty) {
    if (word.empty()) return may_be_empty;
    const auto is_end = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    };
    return word.size() <= 63 && is_end(word.front()) && is_end(word.back()) &&
           std::ranges::all_of(
               word, [&](char c) { return is_end(c) || c == '-' || c == '_' || c == '.'; });
}

bool is_label_key(std::string_view key) {
    const auto slash = key.find('/');
    if (slash == std::string_view::npos) return is_label_word(key, false);
    return is_subdomain(key.substr(0, slash)) && is_label_word(key.substr(slash + 1), false);
}

}  // namespace

base::outcome<selector::term> selector::parse_label(std::string_view part) {
    term next;
    if (const auto open = part.find('('); open != std::string_view::npos && part.ends_with(')')) {
        auto words = trimmed(part.substr(0, open));
        const bool is_in = words.ends_with(" in");
        if (!is_in && !words.ends_with(" notin")) {
            return base::fail(base::errc::invalid,
                              fmt::format("unable to parse requirement: '{}'", part));
        }
        next.is = is_in ? relation::in : relation::not_in;
        words.remove_suffix(is_in ? 3 : 6);
        next.path = trimmed(words);
        for (const auto value : split(part.substr(open + 1, part.size() - open - 2))) {
            next.values.emplace_back(value);
        }
    } else if (const auto sign_start = part.find("!="); sign_start != std::string_view::npos) {
        next = {.path = std::string(trimmed(part.substr(0, sign_start))),
                .is = relation::not_equal,
                .values = {std::string(trimmed(part.substr(sign_start + 2)))}};
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
    const bool fits =
        is_label_key(next.path) && std::ranges::all_of(next.values, [](const std::string& each) {
            return is_label_word(each, true);
        });
    if (!fits) {
        return base::fail(base::errc::invalid,
                          fmt::format("unable to parse requirement: '{}'", part));
    }
    return next;
}

base::outcome<selector> selector::parse(std::string_view labels, std::string_view fields,
                                        const std::vector<std::string>& selectable) {
    selector result;
    for (const auto part : split(labels)) {
        auto next = parse_label(part);
        if (!next) return base::pass(std::move(next));
        result.terms_.push_back(std::move(*next));
    }
    for (const auto part : split(fields)) {
        const auto sign = part.find('=');
        if (sign == std::string_view::npos) {
            return base::fail(
                base::errc::invalid,
                fmt::format("invalid selector: '{}'; can't understand '{}'", fields, part));
        }
        const bool negative = sign > 0 && part[sign - 1] == '!';
        const auto path = part.substr(0, negative ? sign - 1 : sign);
        auto value = part.substr(sign + 1);
        if (value.starts_with('=')) value.remove_prefix(1);
        const bool is_key = path == "metadata.name" || path == "metadata.namespace";
        if (!is_key && std::ranges::find(selectable, path) == selectable.end()) {
            return base::fail(base::errc::invalid,
                              fmt::format("field label not supported: {}", path));
        }
        result.reads_content_ = result.reads_content_ || !is_key;
        result.terms_.push_back({.path = std::string(path),
                                 .is = negative ? relation::not_equal : relation::equal,
                                 .values = {std::string(value)},
                                 .is_field = true});
    }
    return result;
}

bool selector::holds(const term& each, const std::string* value) {
    const bool listed =
        value != nullptr && std::ranges::find(each.values, *value) != each.values.end();
    switch (each.is) {
        case relation::equal:
        case relation::in:
            return listed;
        case relation::not_equal:
        case relation::not_in:
            return !listed;
        case relation::exists:
            return value != nullptr;
        case relation::absent:
            return value == nullptr;
    }
    return false;
}

bool selector::matches(const object_key& key, const stored_object& object) const {
    const auto content = reads_content_ ? object.parse() : json::object();
    return std::ranges::all_of(terms_, [&](const term& each) {
        if (!each.is_field) return holds(each, object.label(each.path));
        if (each.path == "metadata.name") return holds(each, &key.second);
        if (each.path == "metadata.namespace") return holds(each, &key.first);
        // A missing field equals the empty string.
        const auto value = text_at_path(content, each.path).value_or("");
        return holds(each, &value);
    });
}

}  // namespace apiserver
