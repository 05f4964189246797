#include "devcluster/apiserver/patch.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

namespace apiserver {
namespace {

using base::errc;
using base::fail;

std::string unescaped(std::string_view token) {
    std::string text;
    for (std::size_t index = 0; index < token.size(); ++index) {
        if (token[index] == '~' && index + 1 < token.size()) {
            text += token[++index] == '1' ? '/' : '~';
        } else {
            text += token[index];
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

struct location {
    json::value* parent = nullptr;
    std::string token;
};

base::outcome<location> find_parent(json::value& target, std::string_view path) {
    if (path.empty() || path.front() != '/') return fail(errc::invalid, "not a JSON pointer");
    json::value* now = &target;
    path.remove_prefix(1);
    while (true) {
        const auto slash = path.find('/');
        const auto token = unescaped(path.substr(0, slash));
        if (slash == std::string_view::npos) return location{now, token};
        if (auto* object = now->if_object()) {
            now = object->if_contains(token);
        } else if (auto* array = now->if_array()) {
            const auto index = index_of(token, array->size(), false);
            now = index ? &(*array)[*index] : nullptr;
        } else {
            now = nullptr;
        }
        if (now == nullptr) return fail(errc::conflict, "the path does not exist");
        path.remove_prefix(slash + 1);
    }
}

json::value* value_at(const location& target) {
    if (auto* object = target.parent->if_object()) return object->if_contains(target.token);
    if (auto* array = target.parent->if_array()) {
        const auto index = index_of(target.token, array->size(), false);
        return index ? &(*array)[*index] : nullptr;
    }
    return nullptr;
}

base::outcome<void> add(const location& target, const json::value& value) {
    if (auto* object = target.parent->if_object()) {
        (*object)[target.token] = value;
        return {};
    }
    auto* array = target.parent->if_array();
    const auto index =
        array == nullptr ? std::nullopt : index_of(target.token, array->size(), true);
    if (!index) return fail(errc::conflict, "the path does not exist");
    array->insert(array->begin() + static_cast<std::ptrdiff_t>(*index), value);
    return {};
}

base::outcome<void> remove(const location& target) {
    if (value_at(target) == nullptr) return fail(errc::conflict, "the path does not exist");
    if (auto* object = target.parent->if_object()) {
        object->erase(target.token);
    } else {
        auto& array = target.parent->get_array();
        array.erase(array.begin() +
                    static_cast<std::ptrdiff_t>(*index_of(target.token, array.size(), false)));
    }
    return {};
}

// Applies an operation whose path is "", the whole document (RFC 6901 section 5).
base::outcome<void> apply_to_whole(json::value& target, std::string_view op,
                                   const json::value* value) {
    if (value == nullptr)
        return fail(errc::invalid, "the whole document cannot be removed or moved");
    if (op == "test") {
        if (target == *value) return {};
        return fail(errc::conflict, "a test of the patch failed");
    }
    if (op != "add" && op != "replace") {
        return fail(errc::invalid, "an operation that the whole document does not have");
    }
    target = *value;
    return {};
}

base::outcome<void> apply_one(json::value& target, const json::object& step) {
    const auto text = [&](std::string_view key) -> std::string {
        const auto* value = step.if_contains(key);
        return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
    };
    const auto op = text("op");
    const auto* path = step.if_contains("path");
    if (path != nullptr && path->is_string() && path->get_string().empty()) {
        return apply_to_whole(target, op, step.if_contains("value"));
    }
    const auto parent = find_parent(target, text("path"));
    if (!parent) return std::unexpected(parent.error());
    const auto* value = step.if_contains("value");
    if (op == "add" && value != nullptr) return add(*parent, *value);
    if (op == "remove") return remove(*parent);
    if (op == "replace" && value != nullptr) {
        auto* present = value_at(*parent);
        if (present == nullptr) return fail(errc::conflict, "the path does not exist");
        *present = *value;
        return {};
    }
    if (op == "test" && value != nullptr) {
        const auto* present = value_at(*parent);
        if (present == nullptr || *present != *value) {
            return fail(errc::conflict, "a test of the patch failed");
        }
        return {};
    }
    if (op == "move" || op == "copy") {
        const auto source = find_parent(target, text("from"));
        if (!source) return std::unexpected(source.error());
        const auto* present = value_at(*source);
        if (present == nullptr) return fail(errc::conflict, "the path does not exist");
        const json::value moved = *present;
        if (op == "move") {
            auto removed = remove(*source);
            if (!removed) return removed;
        }
        // The removal may have moved the element that `parent` points to.
        const auto destination = find_parent(target, text("path"));
        if (!destination) return std::unexpected(destination.error());
        return add(*destination, moved);
    }
    return fail(errc::invalid, "an operation that is not known: '" + op + "'");
}

// The member that identifies the elements of a list; empty if the list is replaced as a whole.
std::string_view merge_key(std::string_view list) {
    static constexpr std::pair<std::string_view, std::string_view> keys[] = {
        {"containers", "name"},
        {"initContainers", "name"},
        {"volumes", "name"},
        {"env", "name"},
        {"volumeMounts", "mountPath"},
        {"conditions", "type"},
        {"ownerReferences", "uid"},
        {"imagePullSecrets", "name"},
        {"ports", "port"},
        {"hostAliases", "ip"}};
    for (const auto& [name, key] : keys) {
        if (name == list) return key;
    }
    return {};
}

json::array::iterator find_element(json::array& list, std::string_view key,
                                   const json::value& wanted) {
    return std::ranges::find_if(list, [&](const json::value& each) {
        const auto* object = each.if_object();
        const auto* value = object == nullptr ? nullptr : object->if_contains(key);
        return value != nullptr && *value == wanted;
    });
}

void merge_list(json::array& target, const json::array& patch, std::string_view key) {
    for (const auto& each : patch) {
        const auto* object = each.if_object();
        const auto* name = object == nullptr ? nullptr : object->if_contains(key);
        if (name == nullptr) continue;
        const auto it = find_element(target, key, *name);
        const auto* directive = object->if_contains("$patch");
        if (directive != nullptr && *directive == "delete") {
            if (it != target.end()) target.erase(it);
        } else if (it != target.end()) {
            strategic_merge_patch(*it, each);
        } else {
            target.push_back(each);
        }
    }
}

void delete_from_list(json::value* list, const json::value& deleted_values) {
    if (list == nullptr || !list->is_array() || !deleted_values.is_array()) return;
    json::array left;
    for (auto& each : list->get_array()) {
        if (std::ranges::find(deleted_values.get_array(), each) ==
            deleted_values.get_array().end()) {
            left.push_back(std::move(each));
        }
    }
    *list = std::move(left);
}

// Adds the values of a list of strings that is a set.
void add_to_set(json::array& target, const json::array& patch) {
    for (const auto& each : patch) {
        if (std::ranges::find(target, each) == target.end()) target.push_back(each);
    }
}

}  // namespace

void strategic_merge_patch(json::value& target, const json::value& patch) {
    const auto* members = patch.if_object();
    const auto* directive = members == nullptr ? nullptr : members->if_contains("$patch");
    if (members == nullptr || (directive != nullptr && *directive == "replace")) {
        target = patch;
        if (auto* object = target.if_object()) object->erase("$patch");
        return;
    }
    if (!target.is_object()) target.emplace_object();
    auto& object = target.get_object();
    constexpr std::string_view deletion = "$deleteFromPrimitiveList/";
    for (const auto& [key, value] : *members) {
        const std::string_view name = key;
        auto* present = object.if_contains(name);
        const auto list_key = merge_key(name);
        const bool both_lists = present != nullptr && present->is_array() && value.is_array();
        if (name.starts_with(deletion)) {
            delete_from_list(object.if_contains(name.substr(deletion.size())), value);
        } else if (name.starts_with('$')) {
            continue;  // $setElementOrder and other directives
        } else if (value.is_null()) {
            object.erase(name);
        } else if (both_lists && !list_key.empty()) {
            merge_list(present->get_array(), value.get_array(), list_key);
        } else if (both_lists && name == "finalizers") {
            add_to_set(present->get_array(), value.get_array());
        } else if (value.is_object()) {
            strategic_merge_patch(object[name], value);
        } else {
            object[name] = value;
        }
    }
}

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
