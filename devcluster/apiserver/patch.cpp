#include "devcluster/apiserver/patch.hpp"

#include <charconv>
#include <optional>
#include <string>

namespace apiserver {
namespace {

namespace json = boost::json;
using base::errc;
using base::fail;

std::string unescaped(std::string_view token) {
    std::string text;
    for (std::size_t at = 0; at < token.size(); ++at) {
        if (token[at] == '~' && at + 1 < token.size()) {
            text += token[++at] == '1' ? '/' : '~';
        } else {
            text += token[at];
        }
    }
    return text;
}

std::optional<std::size_t> index_of(std::string_view token, std::size_t size, bool may_append) {
    if (token == "-" && may_append) return size;
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), index);
    if (error != std::errc() || end != token.data() + token.size()) return std::nullopt;
    if (index > size || (index == size && !may_append)) return std::nullopt;
    return index;
}

struct place {
    json::value* parent = nullptr;
    std::string token;
};

base::outcome<place> find_parent(json::value& target, std::string_view path) {
    if (path.empty() || path.front() != '/') return fail(errc::invalid, "not a JSON pointer");
    json::value* now = &target;
    path.remove_prefix(1);
    while (true) {
        const auto slash = path.find('/');
        const auto token = unescaped(path.substr(0, slash));
        if (slash == std::string_view::npos) return place{now, token};
        if (auto* object = now->if_object()) {
            now = object->if_contains(token);
        } else if (auto* array = now->if_array()) {
            const auto index = index_of(token, array->size(), false);
            now = index ? &(*array)[*index] : nullptr;
        } else {
            now = nullptr;
        }
        if (now == nullptr) return fail(errc::conflict, "a path of the patch is not there");
        path.remove_prefix(slash + 1);
    }
}

json::value* value_at(const place& where) {
    if (auto* object = where.parent->if_object()) return object->if_contains(where.token);
    if (auto* array = where.parent->if_array()) {
        const auto index = index_of(where.token, array->size(), false);
        return index ? &(*array)[*index] : nullptr;
    }
    return nullptr;
}

base::outcome<void> add(const place& where, const json::value& value) {
    if (auto* object = where.parent->if_object()) {
        (*object)[where.token] = value;
        return {};
    }
    auto* array = where.parent->if_array();
    const auto index = array == nullptr ? std::nullopt : index_of(where.token, array->size(), true);
    if (!index) return fail(errc::conflict, "a path of the patch is not there");
    array->insert(array->begin() + static_cast<std::ptrdiff_t>(*index), value);
    return {};
}

base::outcome<void> remove(const place& where) {
    if (value_at(where) == nullptr) return fail(errc::conflict, "a path of the patch is not there");
    if (auto* object = where.parent->if_object()) {
        object->erase(where.token);
    } else {
        auto& array = where.parent->get_array();
        array.erase(array.begin() +
                    static_cast<std::ptrdiff_t>(*index_of(where.token, array.size(), false)));
    }
    return {};
}

base::outcome<void> apply_one(json::value& target, const json::object& step) {
    const auto text = [&](std::string_view key) -> std::string {
        const auto* value = step.if_contains(key);
        return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
    };
    const auto op = text("op");
    const auto where = find_parent(target, text("path"));
    if (!where) return std::unexpected(where.error());
    const auto* value = step.if_contains("value");
    if (op == "add" && value != nullptr) return add(*where, *value);
    if (op == "remove") return remove(*where);
    if (op == "replace" && value != nullptr) {
        auto* present = value_at(*where);
        if (present == nullptr) return fail(errc::conflict, "a path of the patch is not there");
        *present = *value;
        return {};
    }
    if (op == "test" && value != nullptr) {
        const auto* present = value_at(*where);
        if (present == nullptr || *present != *value) {
            return fail(errc::conflict, "a test of the patch failed");
        }
        return {};
    }
    return fail(errc::invalid, "an operation that is not known: '" + op + "'");
}

}  // namespace

void merge_patch(json::value& target, const json::value& patch) {
    const auto* members = patch.if_object();
    if (members == nullptr) {
        target = patch;
        return;
    }
    if (!target.is_object()) target.emplace_object();
    auto& object = target.get_object();
    for (const auto& [key, value] : *members) {
        if (value.is_null()) {
            object.erase(key);
        } else {
            merge_patch(object[key], value);
        }
    }
}

base::outcome<void> json_patch(json::value& target, const json::value& patch) {
    const auto* steps = patch.if_array();
    if (steps == nullptr) return fail(errc::invalid, "a JSON patch is an array");
    for (const auto& step : *steps) {
        if (!step.is_object()) return fail(errc::invalid, "a JSON patch holds objects");
        auto applied = apply_one(target, step.get_object());
        if (!applied) return applied;
    }
    return {};
}

}  // namespace apiserver
