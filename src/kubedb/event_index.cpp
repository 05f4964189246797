#include "kubedb/event_index.hpp"

#include <algorithm>
#include <tuple>

#include "base/fnv1a.hpp"
#include "kubedb/engine_dialect.hpp"
#include "kubedb/names.hpp"
#include "kubedb/owned_names.hpp"

namespace kubedb {
namespace {

std::string place_of(std::string_view ns, std::string_view name) {
    std::string place(ns);
    place += '/';
    place += name;
    return place;
}

// Orders events by time. Equal times are ordered by content, so that the order is the same whatever
// the order of arrival.
auto rank(const domain::event& event) {
    return std::tie(event.last_seen, event.count, event.first_seen, event.object, event.reason,
                    event.message, event.type);
}

bool is_same(const domain::event& a, const domain::event& b) {
    return a.object == b.object && a.reason == b.reason && a.message == b.message &&
           a.type == b.type;
}

// Returns the object of an event: domain::event::object is "<kind>/<name>".
object_reference reference_of(const domain::event& event, std::string_view ns) {
    const auto slash = event.object.find('/');
    return {.kind = event.object.substr(0, slash),
            .ns = std::string(ns),
            .name = event.object.substr(slash + 1)};
}

// Returns the prefixes of a name that end in front of a '-', longest first, without the name.
std::vector<std::string_view> prefixes_of(std::string_view name) {
    std::vector<std::string_view> prefixes;
    for (auto dash = name.rfind('-'); dash != name.npos && dash > 0; dash = name.rfind('-')) {
        name = name.substr(0, dash);
        prefixes.push_back(name);
    }
    return prefixes;
}

}  // namespace

std::optional<ports::database_key> event_index::owner_by_name(
    const object_reference& object) const {
    const auto name = base_name(object);
    auto candidates = prefixes_of(name);
    candidates.insert(candidates.begin(), name);
    for (const auto candidate : candidates) {
        const auto it = databases_.find(place_of(object.ns, candidate));
        if (it == databases_.end()) continue;
        std::optional<ports::database_key> owner;
        for (const auto& key : it->second) {
            const auto* dialect = find_dialect(key.engine);
            if (dialect == nullptr || !is_owned_name(dialect->kind(), candidate, object)) continue;
            if (owner) return std::nullopt;  // namesakes of two engines
            owner = key;
        }
        if (owner) return owner;
    }
    return std::nullopt;
}

std::optional<ports::database_key> event_index::put(
    const object_reference& object, std::string_view id, domain::event event,
    const std::optional<ports::database_key>& owner) {
    record added{.id = base::fnv1a(id), .event = std::move(event), .is_labeled = owner.has_value()};
    const auto key = owner ? owner : owner_by_name(object);
    if (!key) {
        wait(object, std::move(added));
        return std::nullopt;
    }
    return add(*key, std::move(added)) ? key : std::nullopt;
}

void event_index::wait(const object_reference& object, record added) {
    expire();
    const auto name = place_of(object.ns, base_name(object));
    for (auto it = waiting_.lower_bound({name, 0}); it != waiting_.end() && it->first.first == name;
         ++it) {
        if (it->second.id != added.id) continue;
        if (rank(it->second.event) < rank(added.event)) it->second = std::move(added);
        return;
    }
    const auto number = ++last_arrival_;
    waiting_.emplace(place{name, number}, std::move(added));
    arrivals_.emplace(number, arrival{.time = clock_.now(), .place = name});
}

// Drops waiting events that are too old or too many.
void event_index::expire() {
    const auto oldest = clock_.now() - options_.waiting_time;
    while (!arrivals_.empty()) {
        const auto it = arrivals_.begin();
        if (it->second.time > oldest && arrivals_.size() < options_.waiting_max) return;
        waiting_.erase({it->second.place, it->first});
        arrivals_.erase(it);
    }
}

// Returns whether the events of the database changed.
bool event_index::add(const ports::database_key& key, record added) {
    auto& all = records_[key];
    // Of two states of an event, and of two equal events, the newer one stays.
    bool has_changed = false;
    const auto earlier = std::ranges::find(all, added.id, &record::id);
    if (earlier != all.end()) {
        if (rank(added.event) <= rank(earlier->event)) return false;
        all.erase(earlier);
        has_changed = true;
    }
    const auto equal = std::ranges::find_if(
        all, [&](const record& present) { return is_same(present.event, added.event); });
    if (equal != all.end()) {
        if (rank(added.event) <= rank(equal->event)) return has_changed;
        all.erase(equal);
    }
    const auto later = std::ranges::find_if(
        all, [&](const record& present) { return rank(added.event) < rank(present.event); });
    all.insert(later, std::move(added));
    if (all.size() > options_.events_max) all.erase(all.begin());
    return true;
}

// Gives the waiting events of the places from `first_place` to in front of `end_place` to the
// database if `is_adopted`. Returns whether its events changed.
bool event_index::adopt_waiting(const std::string& first_place, const std::string& end_place,
                                const predicate& is_adopted, const ports::database_key& key,
                                bool is_labeled) {
    bool has_changed = false;
    const auto ns = first_place.substr(0, first_place.find('/'));
    auto it = waiting_.lower_bound({first_place, 0});
    while (it != waiting_.end() && it->first.first < end_place) {
        if (!is_adopted(it->second, reference_of(it->second.event, ns))) {
            ++it;
            continue;
        }
        it->second.is_labeled = is_labeled;
        has_changed = add(key, std::move(it->second)) || has_changed;
        arrivals_.erase(it->first.second);
        it = waiting_.erase(it);
    }
    return has_changed;
}

// Removes events of the database and returns them.
event_index::records event_index::extract(const ports::database_key& key,
                                          const predicate& is_extracted) {
    records extracted;
    const auto it = records_.find(key);
    if (it == records_.end()) return extracted;
    const auto ns = namespace_of(key.project);
    records others;
    for (auto& each : it->second) {
        const bool is_one = is_extracted(each, reference_of(each.event, ns));
        (is_one ? extracted : others).push_back(std::move(each));
    }
    it->second = std::move(others);
    return extracted;
}

event_index::key_set event_index::set_owner(const object_reference& object,
                                            const ports::database_key& owner) {
    key_set changed;
    const auto place = place_of(object.ns, base_name(object));
    const auto is_about = [&](const record&, const object_reference& about) {
        return about == object;
    };
    if (adopt_waiting(place, place + '\0', is_about, owner, true)) changed.insert(owner);
    if (const auto it = records_.find(owner); it != records_.end()) {
        for (auto& each : it->second) {
            if (reference_of(each.event, object.ns) == object) each.is_labeled = true;
        }
    }
    const auto named = owner_by_name(object);
    if (!named || *named == owner) return changed;
    for (auto& each : extract(*named, is_about)) {
        each.is_labeled = true;
        add(owner, std::move(each));
        changed.insert({*named, owner});
    }
    return changed;
}

event_index::key_set event_index::add_database(const ports::database_key& key) {
    const auto ns = namespace_of(key.project);
    const auto place = place_of(ns, key.name);
    if (!databases_[place].insert(key).second) return {};
    key_set changed;
    const auto is_owned = [&](const record&, const object_reference& object) {
        return owner_by_name(object) == key;
    };
    // The names of its objects are its own name, or begin with it and '-'.
    if (adopt_waiting(place, place + '\0', is_owned, key, false)) changed.insert(key);
    if (adopt_waiting(place + '-', place + '.', is_owned, key, false)) changed.insert(key);
    // A database with a shorter name, or a namesake of another engine, may have its events.
    auto names = prefixes_of(key.name);
    names.push_back(key.name);
    for (const auto name : names) {
        const auto it = databases_.find(place_of(ns, name));
        if (it == databases_.end()) continue;
        for (const auto& other : it->second) {
            const auto is_lost = [&](const record& each, const object_reference& object) {
                return !each.is_labeled && owner_by_name(object) != other;
            };
            for (auto& each : extract(other, is_lost)) {
                changed.insert(other);
                const bool has_owner = is_owned(each, reference_of(each.event, ns));
                if (has_owner && add(key, std::move(each))) changed.insert(key);
            }
        }
    }
    return changed;
}

void event_index::remove_database(const ports::database_key& key) {
    records_.erase(key);
    const auto it = databases_.find(place_of(namespace_of(key.project), key.name));
    if (it == databases_.end()) return;
    it->second.erase(key);
    if (it->second.empty()) databases_.erase(it);
}

std::vector<domain::event> event_index::events_of(const ports::database_key& key,
                                                  std::optional<base::instant> since) const {
    std::vector<domain::event> events;
    const auto it = records_.find(key);
    if (it == records_.end()) return events;
    for (const auto& each : it->second) {
        const bool is_earlier = since && each.event.last_seen && *each.event.last_seen < *since;
        if (!is_earlier) events.push_back(each.event);
    }
    return events;
}

}  // namespace kubedb
