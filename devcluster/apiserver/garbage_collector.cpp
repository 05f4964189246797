#include "devcluster/apiserver/garbage_collector.hpp"

#include <algorithm>
#include <vector>

#include "base/time_text.hpp"
#include "devcluster/apiserver/text.hpp"

namespace apiserver {
namespace {

constexpr std::string_view foreground = "foregroundDeletion";

bool has_finalizer(const stored_object& object, std::string_view name) {
    if (!object.has_finalizers) return false;
    const auto content = object.parse();
    const auto* list = array_at(object_at(&content, "metadata"), "finalizers");
    return list != nullptr && std::ranges::find(*list, json::value(name)) != list->end();
}

}  // namespace

garbage_collector::garbage_collector(object_store& objects, type_table& types,
                                     const base::clock& clock)
    : objects_(objects), types_(types), clock_(clock) {
    for (const auto& [type_key, all] : objects_.everything()) {
        for (const auto& [key, object] : all) index({type_key, key}, nullptr, object);
    }
}

void garbage_collector::index(const object_ref& ref, const object_pointer& before,
                              const object_pointer& now) {
    const auto old_owners = before ? before->owners : std::vector<std::string>();
    const auto new_owners = now ? now->owners : std::vector<std::string>();
    if (old_owners != new_owners) {
        for (const auto& uid : old_owners) {
            const auto [first, last] = dependents_.equal_range(uid);
            const auto it =
                std::find_if(first, last, [&](const auto& each) { return each.second == ref; });
            if (it != last) dependents_.erase(it);
        }
        for (const auto& uid : new_owners) dependents_.emplace(uid, ref);
    }
    if (before && (!now || now->uid != before->uid)) by_uid_.erase(before->uid);
    if (now && (!before || now->uid != before->uid)) by_uid_.insert_or_assign(now->uid, ref);
}

base::outcome<object_pointer> garbage_collector::put(const resource_type& type,
                                                     const object_key& key, json::object object) {
    const auto before = objects_.find(type.key(), key);
    auto stored = objects_.put(type.key(), key, std::move(object));
    if (!stored) return stored;
    index({type.key(), key}, before, *stored);
    if (type.key() == definitions_key) types_.add_definition((*stored)->parse());
    return stored;
}

std::vector<object_ref> garbage_collector::dependents_of(const std::string& uid) const {
    std::vector<object_ref> list;
    const auto [first, last] = dependents_.equal_range(uid);
    for (auto it = first; it != last; ++it) list.push_back(it->second);
    return list;
}

bool garbage_collector::is_orphan(const stored_object& object) const {
    return !object.owners.empty() &&
           std::ranges::none_of(object.owners,
                                [this](const std::string& uid) { return by_uid_.contains(uid); });
}

base::outcome<void> garbage_collector::begin_delete(const object_ref& ref, propagation policy) {
    const auto present = objects_.find(ref.type_key, ref.key);
    if (!present) return {};
    if (ref.type_key == namespaces_key) {
        auto marked = mark_deleting(ref, "");
        if (!marked) return marked;
        return empty_namespace(ref.key.second);
    }
    const auto uid = present->uid;
    if (policy == propagation::orphan) {
        auto released = release_dependents(uid);
        if (!released) return released;
    }
    if (policy == propagation::foreground && dependents_.contains(uid)) {
        auto marked = mark_deleting(ref, foreground);
        if (!marked) return marked;
        auto collected = collect_dependents(uid);
        if (!collected) return collected;
        return finish_foreground(uid);
    }
    if (present->has_finalizers) return mark_deleting(ref, "");
    return erase(ref);
}

base::outcome<void> garbage_collector::mark_deleting(const object_ref& ref,
                                                     std::string_view finalizer) {
    const auto present = objects_.find(ref.type_key, ref.key);
    const auto type = types_.stored(ref.type_key);
    if (!present || !type || present->is_deleting) return {};
    auto next = present->parse();
    auto& metadata = metadata_of(next);
    metadata["deletionTimestamp"] = base::to_rfc3339(clock_.utc_now());
    metadata["deletionGracePeriodSeconds"] = 0;
    const auto* generation = metadata.if_contains("generation");
    if (generation != nullptr && generation->is_int64()) {
        metadata["generation"] = generation->get_int64() + 1;
    }
    if (ref.type_key == namespaces_key) next["status"] = json::object{{"phase", "Terminating"}};
    if (!finalizer.empty()) {
        auto& list = metadata["finalizers"];
        if (!list.is_array()) list.emplace_array();
        list.get_array().push_back(json::string(finalizer));
    }
    auto stored = put(*type, ref.key, std::move(next));
    if (!stored) return base::pass(std::move(stored));
    return {};
}

base::outcome<void> garbage_collector::erase(const object_ref& ref) {
    const auto present = objects_.find(ref.type_key, ref.key);
    if (!present) return {};
    auto removed = objects_.remove(ref.type_key, ref.key);
    if (!removed) return base::pass(std::move(removed));
    index(ref, present, nullptr);
    if (ref.type_key == definitions_key) {
        const auto definition = present->parse();
        const auto* spec = object_at(&definition, "spec");
        const auto key =
            text_at(*spec, "group") + "/" + text_at(*object_at(spec, "names"), "plural");
        std::vector<object_key> inside;
        for (const auto& [each, object] : objects_.all(key)) inside.push_back(each);
        for (const auto& each : inside) {
            auto deleted = erase({key, each});
            if (!deleted) return deleted;
        }
        types_.remove_definition(definition);
    }
    auto collected = collect_dependents(present->uid);
    if (!collected) return collected;
    for (const auto& owner : present->owners) {
        auto finished = finish_foreground(owner);
        if (!finished) return finished;
    }
    return finish_namespace(ref.key.first);
}

// Deletes dependents whose last owner is deleted. Other dependents lose the owner reference.
base::outcome<void> garbage_collector::collect_dependents(const std::string& uid) {
    for (const auto& each : dependents_of(uid)) {
        const auto object = objects_.find(each.type_key, each.key);
        if (!object) continue;
        const bool has_other = std::ranges::any_of(object->owners, [&](const std::string& other) {
            return other != uid && by_uid_.contains(other);
        });
        auto done = has_other ? drop_owner(each, uid) : begin_delete(each);
        if (!done) return done;
    }
    return {};
}

base::outcome<void> garbage_collector::release_dependents(const std::string& uid) {
    for (const auto& each : dependents_of(uid)) {
        auto done = drop_owner(each, uid);
        if (!done) return done;
    }
    return {};
}

base::outcome<void> garbage_collector::drop_owner(const object_ref& ref, const std::string& uid) {
    const auto present = objects_.find(ref.type_key, ref.key);
    const auto type = types_.stored(ref.type_key);
    if (!present || !type) return {};
    auto next = present->parse();
    json::array left;
    for (const auto& each : *array_at(object_at(&next, "metadata"), "ownerReferences")) {
        if (!each.is_object() || text_at(each.get_object(), "uid") != uid) left.push_back(each);
    }
    metadata_of(next)["ownerReferences"] = std::move(left);
    auto stored = put(*type, ref.key, std::move(next));
    if (!stored) return base::pass(std::move(stored));
    return {};
}

// Erases an owner in foreground deletion after its last dependent.
base::outcome<void> garbage_collector::finish_foreground(const std::string& owner_uid) {
    const auto it = by_uid_.find(owner_uid);
    if (it == by_uid_.end() || dependents_.contains(owner_uid)) return {};
    const auto ref = it->second;
    const auto present = objects_.find(ref.type_key, ref.key);
    const auto type = types_.stored(ref.type_key);
    if (!present || !type || !present->is_deleting || !has_finalizer(*present, foreground)) {
        return {};
    }
    auto next = present->parse();
    json::array left;
    for (const auto& each : *array_at(object_at(&next, "metadata"), "finalizers")) {
        if (each != json::value(foreground)) left.push_back(each);
    }
    metadata_of(next)["finalizers"] = std::move(left);
    auto stored = put(*type, ref.key, std::move(next));
    if (!stored) return base::pass(std::move(stored));
    if ((*stored)->has_finalizers) return {};
    return erase(ref);
}

base::outcome<void> garbage_collector::empty_namespace(const std::string& name) {
    std::vector<object_ref> inside;
    for (const auto& [type_key, all] : objects_.everything()) {
        for (auto it = all.lower_bound({name, ""}); it != all.end() && it->first.first == name;
             ++it) {
            inside.push_back({type_key, it->first});
        }
    }
    for (const auto& each : inside) {
        auto done = begin_delete(each);
        if (!done) return done;
    }
    return finish_namespace(name);
}

base::outcome<void> garbage_collector::finish_namespace(const std::string& name) {
    if (name.empty()) return {};
    const auto namespace_object = objects_.find(namespaces_key, {"", name});
    if (!namespace_object || !namespace_object->is_deleting) return {};
    for (const auto& [type_key, all] : objects_.everything()) {
        const auto it = all.lower_bound({name, ""});
        if (it != all.end() && it->first.first == name) return {};
    }
    return erase({namespaces_key, {"", name}});
}

base::outcome<void> garbage_collector::resume() {
    std::vector<object_ref> unfinished;
    for (const auto& [type_key, all] : objects_.everything()) {
        for (const auto& [key, object] : all) {
            const bool is_finished =
                object->is_deleting && (type_key == namespaces_key || !object->has_finalizers);
            if (is_orphan(*object) || is_finished) unfinished.push_back({type_key, key});
        }
    }
    for (const auto& each : unfinished) {
        auto done = begin_delete(each);
        if (!done) return done;
    }
    return {};
}

}  // namespace apiserver
