#pragma once
// Reads one object of a request member by member and collects the errors of all members. Inside api
// only. Any thread.

#include <fmt/format.h>

#include <concepts>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/failure.hpp"
#include "base/json_pointer.hpp"
#include "base/secret.hpp"
#include "domain/field_errors.hpp"
#include "domain/requests.hpp"
#include "json/json.hpp"

namespace api {

// Returns the kind of the value as messages name it: "a string".
std::string_view kind_of(const json::value& value);
// Returns the integer of a number; 3.0 and 3e0 are 3. Returns std::nullopt for another value.
std::optional<std::int64_t> whole_number(const json::value& value);

// Reads one object of a request member by member. finish() reports the other members.
class object_reader {
  public:
    object_reader(const json::object& members, std::string path,
                  std::vector<base::field_error>& faults)
        : members_(members), path_(std::move(path)), faults_(faults) {}
    object_reader(const object_reader&) = delete;
    object_reader& operator=(const object_reader&) = delete;

    // Reports an error for each member that was not read. Called once, after the last read.
    void finish() {
        for (const auto& [key, value] : members_) {
            if (!read_keys_.contains(key)) {
                fault(key, "unknown_field", "unknown field");
            }
        }
    }

    void read(std::string_view key, std::optional<std::string>& out) {
        if (const auto* value = find(key, "a string", &json::value::is_string)) {
            out = std::string(value->get_string());
        }
    }
    void read(std::string_view key, std::optional<base::secret>& out) {
        if (const auto* value = find(key, "a string", &json::value::is_string)) {
            out.emplace(std::string(value->get_string()));
        }
    }
    // Reads null as `meaning`.
    void read_or_null(std::string_view key, std::optional<std::string>& out,
                      std::optional<std::string> meaning) {
        const auto* value = any(key);
        if (value != nullptr && value->is_null()) {
            out = std::move(meaning);
        } else {
            read(key, out);
        }
    }
    void read(std::string_view key, std::optional<bool>& out) {
        if (const auto* value = find(key, "a boolean", &json::value::is_bool))
            out = value->get_bool();
    }
    void read(std::string_view key, std::optional<std::int64_t>& out) {
        const auto* value = any(key);
        if (value == nullptr) return;
        out = whole_number(*value);
        if (!out) {
            fault(key, "wrong_type", fmt::format("must be an integer, is {}", kind_of(*value)));
        }
    }
    // Labels, or the changes to labels in a merge patch. In a patch, null deletes a label.
    template <class Labels>
        requires std::same_as<Labels, domain::labels> || std::same_as<Labels, domain::label_changes>
    void read(std::string_view key, std::optional<Labels>& out) {
        constexpr bool accepts_null = std::same_as<Labels, domain::label_changes>;
        const auto* value = find(key, "an object", &json::value::is_object);
        if (value == nullptr) return;
        out.emplace();
        for (const auto& [name, text] : value->get_object()) {
            if (text.is_string()) {
                out->emplace(std::string(name), std::string(text.get_string()));
            } else if (accepts_null && text.is_null()) {
                out->emplace(std::string(name), typename Labels::mapped_type());
            } else {
                fault_at(base::pointer_to(path_of(key), name), "wrong_type",
                         fmt::format("must be a string{}, is {}", accepts_null ? " or null" : "",
                                     kind_of(text)));
            }
        }
    }
    void read(std::string_view key, std::optional<std::vector<std::string>>& out) {
        const auto* list = array(key);
        if (list == nullptr) return;
        out.emplace();
        for (const auto& item : *list) {
            if (item.is_string()) {
                out->emplace_back(item.get_string());
            } else {
                fault_at(fmt::format("{}/{}", path_of(key), out->size()), "wrong_type",
                         fmt::format("must be a string, is {}", kind_of(item)));
                return;
            }
        }
    }
    // Reads null as no value.
    template <class Value>
    void read_or_null(std::string_view key, std::optional<std::optional<Value>>& out) {
        const auto* value = any(key);
        if (value == nullptr) return;
        std::optional<Value> result;
        if (!value->is_null()) read(key, result);
        if (value->is_null() || result) out.emplace(std::move(result));
    }
    // The member as an object, or null.
    const json::object* object(std::string_view key) {
        const auto* value = find(key, "an object", &json::value::is_object);
        return value == nullptr ? nullptr : &value->get_object();
    }
    // The member as an array, or null.
    const json::array* array(std::string_view key) {
        const auto* value = find(key, "an array", &json::value::is_array);
        return value == nullptr ? nullptr : &value->get_array();
    }
    // Any value; for members with several shapes.
    const json::value* any(std::string_view key) {
        read_keys_.insert(std::string(key));
        return members_.if_contains(key);
    }
    void fault(std::string_view key, std::string code, std::string message) {
        fault_at(path_of(key), std::move(code), std::move(message));
    }
    void fault_at(std::string pointer, std::string code, std::string message) {
        domain::add_field_error(faults_, {std::move(pointer), std::move(code), std::move(message)});
    }
    [[nodiscard]] std::string path_of(std::string_view key) const {
        return base::pointer_to(path_, key);
    }
    std::vector<base::field_error>& faults() { return faults_; }

  private:
    const json::value* find(std::string_view key, std::string_view wanted,
                            bool (json::value::*is_wanted)() const noexcept) {
        const auto* value = any(key);
        if (value == nullptr) return nullptr;
        if ((value->*is_wanted)()) return value;
        fault(key, "wrong_type", fmt::format("must be {}, is {}", wanted, kind_of(*value)));
        return nullptr;
    }
    const json::object& members_;
    std::string path_;
    std::vector<base::field_error>& faults_;
    std::set<std::string, std::less<>> read_keys_;
};

}  // namespace api
