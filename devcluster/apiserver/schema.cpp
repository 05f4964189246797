#include "devcluster/apiserver/schema.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>

#include "base/time_text.hpp"
#include "devcluster/apiserver/text.hpp"

namespace apiserver {
namespace {

// Longer strings fail a pattern without a match: the matcher of std::regex recurses.
constexpr std::size_t pattern_input_max = 1024;

std::optional<double> number_at(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    if (value == nullptr || !value->is_number()) return std::nullopt;
    return value->to_number<double>();
}

std::string join(const std::string& path, std::string_view key) {
    return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

std::string_view type_of(const json::value& value) {
    switch (value.kind()) {
        case json::kind::null:
            return "null";
        case json::kind::bool_:
            return "boolean";
        case json::kind::int64:
        case json::kind::uint64:
            return "integer";
        case json::kind::double_:
            return "number";
        case json::kind::string:
            return "string";
        case json::kind::array:
            return "array";
        case json::kind::object:
            return "object";
    }
    return "";
}

cause invalid_value(const json::value& value, const std::string& path, std::string_view rule) {
    return {"FieldValueInvalid",
            fmt::format("Invalid value: {}: {} in body {}", json::serialize(value), path, rule),
            path};
}

// Returns null for a pattern that is valid for RE2 but not for std::regex. The definitions repeat a
// few patterns, and compiling one takes longer than matching it: the program keeps all of them.
// Thread-safe.
std::shared_ptr<const std::regex> compile_pattern(const std::string& text) {
    static std::mutex mutex;
    static std::map<std::string, std::shared_ptr<const std::regex>, std::less<>> compiled;
    const std::lock_guard lock(mutex);
    const auto [entry, is_new] = compiled.try_emplace(text);
    if (!is_new) return entry->second;
    try {
        entry->second =
            std::make_shared<const std::regex>(text, std::regex::ECMAScript | std::regex::optimize);
    } catch (const std::regex_error&) {
        return nullptr;
    }
    return entry->second;
}

}  // namespace

schema::schema(const json::object& source)
    : type_(text_at(source, "type")),
      format_(text_at(source, "format")),
      int_or_string_(flag_at(source, "x-kubernetes-int-or-string")),
      nullable_(flag_at(source, "nullable")),
      keeps_unknown_(flag_at(source, "x-kubernetes-preserve-unknown-fields")) {
    if (const auto* preset = source.if_contains("default")) default_ = *preset;
    if (const auto* list = source.if_contains("enum"); list != nullptr && list->is_array()) {
        enum_ = list->get_array();
    }
    read_bounds(source);
    if (const auto* list = source.if_contains("required"); list != nullptr && list->is_array()) {
        for (const auto& each : list->get_array()) {
            if (each.is_string()) required_.emplace_back(each.get_string());
        }
    }
    if (const auto* members = object_at(&source, "properties")) {
        for (const auto& [key, rules] : *members) {
            if (rules.is_object()) {
                properties_.emplace(key, std::make_unique<schema>(rules.get_object()));
            }
        }
    }
    if (const auto* rules = object_at(&source, "additionalProperties")) {
        others_ = std::make_unique<schema>(*rules);
    }
    if (const auto* rules = object_at(&source, "items")) items_ = std::make_unique<schema>(*rules);
}

void schema::read_bounds(const json::object& source) {
    minimum_ = number_at(source, "minimum");
    maximum_ = number_at(source, "maximum");
    for (const auto* name : {"minLength", "minItems", "minProperties"}) {
        if (const auto limit = number_at(source, name)) size_min_ = std::uint64_t(*limit);
    }
    for (const auto* name : {"maxLength", "maxItems", "maxProperties"}) {
        if (const auto limit = number_at(source, name)) size_max_ = std::uint64_t(*limit);
    }
    pattern_text_ = text_at(source, "pattern");
    // An invalid pattern is not checked.
    if (!pattern_text_.empty()) pattern_ = compile_pattern(pattern_text_);
}

const schema* schema::rules_for(std::string_view member) const {
    const auto it = properties_.find(member);
    return it != properties_.end() ? it->second.get() : others_.get();
}

void schema::set_defaults(json::value& value) const {
    if (auto* object = value.if_object()) {
        for (const auto& [key, rules] : properties_) {
            auto* member = object->if_contains(key);
            const bool is_void =
                member == nullptr || (member->is_null() && !rules->nullable_ && rules->default_);
            if (is_void && rules->default_) {
                member = &((*object)[key] = *rules->default_);
            }
            if (member != nullptr) rules->set_defaults(*member);
        }
        if (others_) {
            for (auto& [key, member] : *object) {
                if (!properties_.contains(std::string_view(key))) others_->set_defaults(member);
            }
        }
    } else if (auto* array = value.if_array(); array != nullptr && items_) {
        for (auto& each : *array) items_->set_defaults(each);
    }
}

std::vector<std::string> schema::prune(json::value& value, const std::string& path) const {
    std::vector<std::string> dropped;
    const auto add = [&](std::vector<std::string> more) {
        std::ranges::move(more, std::back_inserter(dropped));
    };
    if (auto* object = value.if_object()) {
        std::vector<std::string> unknown;
        for (auto& [key, member] : *object) {
            if (const auto* rules = rules_for(key)) {
                add(rules->prune(member, join(path, key)));
            } else if (!keeps_unknown_) {
                unknown.emplace_back(key);
            }
        }
        for (const auto& key : unknown) {
            object->erase(key);
            dropped.push_back(join(path, key));
        }
    } else if (auto* array = value.if_array(); array != nullptr && items_) {
        for (std::size_t index = 0; index < array->size(); ++index) {
            add(items_->prune((*array)[index], fmt::format("{}[{}]", path, index)));
        }
    }
    return dropped;
}

bool schema::fits_type(const json::value& value) const {
    if (value.is_null() && nullable_) return true;
    if (int_or_string_) return value.is_string() || value.is_int64() || value.is_uint64();
    if (type_.empty()) return true;
    const auto type = type_of(value);
    return type_ == type || (type_ == "number" && type == "integer");
}

void schema::check_text(std::string_view text, const std::string& path,
                        std::vector<cause>& causes) const {
    if (pattern_ && (text.size() > pattern_input_max ||
                     !std::regex_search(text.begin(), text.end(), *pattern_))) {
        causes.push_back(invalid_value(json::string(text), path,
                                       fmt::format("should match '{}'", pattern_text_)));
    }
    if (format_ == "date-time" && !base::from_rfc3339(text)) {
        causes.push_back(invalid_value(json::string(text), path,
                                       fmt::format("must be of type date-time: \"{}\"", text)));
    }
}

void schema::check_number(const json::value& value, const std::string& path,
                          std::vector<cause>& causes) const {
    const auto number = value.to_number<double>();
    if (minimum_ && number < *minimum_) {
        causes.push_back(invalid_value(
            value, path, fmt::format("should be greater than or equal to {}", *minimum_)));
    }
    if (maximum_ && number > *maximum_) {
        causes.push_back(invalid_value(
            value, path, fmt::format("should be less than or equal to {}", *maximum_)));
    }
    const bool is_wide = format_ == "int32" && (number > 2147483647.0 || number < -2147483648.0);
    if (is_wide) {
        causes.push_back(invalid_value(value, path, "must be of type int32: \"int64\""));
    }
}

void schema::check_sizes(const json::value& value, const std::string& path,
                         std::vector<cause>& causes) const {
    const auto* text = value.if_string();
    const auto* array = value.if_array();
    const auto* object = value.if_object();
    if (text == nullptr && array == nullptr && object == nullptr) return;
    const std::uint64_t size = text != nullptr    ? text->size()
                               : array != nullptr ? array->size()
                                                  : object->size();
    const auto* unit = text != nullptr ? "chars long" : array != nullptr ? "items" : "properties";
    if (size_min_ && size < *size_min_) {
        causes.push_back(
            invalid_value(value, path,
                          fmt::format("should {} at least {} {}", text != nullptr ? "be" : "have",
                                      *size_min_, unit)));
    }
    if (!size_max_ || size <= *size_max_) return;
    if (text != nullptr) {
        causes.push_back({"FieldValueTooLong",
                          fmt::format("Too long: may not be more than {} bytes", *size_max_),
                          path});
    } else {
        causes.push_back({"FieldValueTooMany",
                          fmt::format("Too many: {}: must have at most {} items", size, *size_max_),
                          path});
    }
}

void schema::check_members(const json::object& object, const std::string& path,
                           std::vector<cause>& causes) const {
    for (const auto& key : required_) {
        if (!object.contains(key)) {
            causes.push_back({"FieldValueRequired", "Required value", join(path, key)});
        }
    }
    for (const auto& [key, member] : object) {
        const auto* rules = rules_for(key);
        if (rules == nullptr) continue;
        auto more = rules->validate(member, join(path, key));
        std::ranges::move(more, std::back_inserter(causes));
    }
}

std::vector<cause> schema::validate(const json::value& value, const std::string& path) const {
    if (!fits_type(value)) {
        const auto wanted = int_or_string_ ? std::string("integer,string") : type_;
        return {{"FieldValueTypeInvalid",
                 fmt::format("Invalid value: \"{0}\": {1} in body must be of type {2}: \"{0}\"",
                             type_of(value), path, wanted),
                 path}};
    }
    std::vector<cause> causes;
    if (!enum_.empty() && std::ranges::find(enum_, value) == enum_.end()) {
        std::string words;
        for (const auto& each : enum_) words += (words.empty() ? "" : ", ") + json::serialize(each);
        causes.push_back({"FieldValueNotSupported",
                          fmt::format("Unsupported value: {}: supported values: {}",
                                      json::serialize(value), words),
                          path});
    }
    check_sizes(value, path, causes);
    if (value.is_number()) check_number(value, path, causes);
    if (const auto* text = value.if_string()) check_text(*text, path, causes);
    if (const auto* object = value.if_object()) check_members(*object, path, causes);
    if (const auto* array = value.if_array(); array != nullptr && items_) {
        for (std::size_t index = 0; index < array->size(); ++index) {
            auto more = items_->validate((*array)[index], fmt::format("{}[{}]", path, index));
            std::ranges::move(more, std::back_inserter(causes));
        }
    }
    return causes;
}

}  // namespace apiserver
