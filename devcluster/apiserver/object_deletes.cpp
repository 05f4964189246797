// The end of objects: finalizers, owners, namespaces. What Kubernetes leaves to its garbage
// collector and namespace controller happens here at once, in steps of single changes; what a kill
// leaves undone is taken up at the next start.

#include <fmt/format.h>

#include <algorithm>

#include "base/time_text.hpp"
#include "devcluster/apiserver/api_core.hpp"
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

struct delete_options {
    std::string policy;  // propagationPolicy
    std::string uid;
    std::string revision;
    bool dry_run = false;
};

std::variant<delete_options, refusal> read_options(const call& asked,
                                                   const http::request& incoming) {
    delete_options read{.policy = std::string(asked.option("propagationPolicy")),
                        .dry_run = !asked.option("dryRun").empty()};
    if (incoming.body.empty()) return read;
    boost::system::error_code error;
    const auto parsed = json::parse(incoming.body, error);
    if (error || !parsed.is_object()) {
        return bad_request("couldn't get version/kind; json parse error");
    }
    const auto& body = parsed.get_object();
    if (const auto policy = text_at(body, "propagationPolicy"); !policy.empty()) {
        read.policy = policy;
    }
    if (const auto* conditions = object_at(&body, "preconditions")) {
        read.uid = text_at(*conditions, "uid");
        read.revision = text_at(*conditions, "resourceVersion");
    }
    read.dry_run = read.dry_run || array_at(&body, "dryRun") != nullptr;
    const bool is_known = read.policy.empty() || read.policy == "Background" ||
                          read.policy == "Foreground" || read.policy == "Orphan";
    if (is_known) return read;
    return invalid("meta.k8s.io", "DeleteOptions", "",
                   {{"FieldValueNotSupported",
                     fmt::format("Unsupported value: \"{}\": supported values: \"Background\", "
                                 "\"Foreground\", \"Orphan\"",
                                 read.policy),
                     "propagationPolicy"}});
}

}  // namespace

void core::index(const place& what, const object_pointer& before, const object_pointer& now) {
    const auto old_owners = before ? before->owners : std::vector<std::string>();
    const auto new_owners = now ? now->owners : std::vector<std::string>();
    if (old_owners != new_owners) {
        for (const auto& uid : old_owners) {
            const auto [from, to] = dependents_.equal_range(uid);
            const auto at =
                std::find_if(from, to, [&](const auto& each) { return each.second == what; });
            if (at != to) dependents_.erase(at);
        }
        for (const auto& uid : new_owners) dependents_.emplace(uid, what);
    }
    if (before && (!now || now->uid != before->uid)) by_uid_.erase(before->uid);
    if (now && (!before || now->uid != before->uid)) by_uid_.insert_or_assign(now->uid, what);
}

// Begins the end of an object: at once, or when its finalizers are gone.
base::outcome<void> core::end(const place& what, dependents_go when) {
    const auto present = objects_.find(what.type_key, what.key);
    if (!present) return {};
    if (what.type_key == namespaces_key) {
        auto marked = mark_ending(what, "");
        if (!marked) return marked;
        return empty_namespace(what.key.second);
    }
    const auto uid = present->uid;
    if (when == dependents_go::never) {
        auto released = release_dependents(uid);
        if (!released) return released;
    }
    if (when == dependents_go::before && dependents_.contains(uid)) {
        auto marked = mark_ending(what, foreground);
        if (!marked) return marked;
        auto collected = collect_dependents(uid);
        if (!collected) return collected;
        return finish_foreground(uid);
    }
    if (present->has_finalizers) return mark_ending(what, "");
    return erase(what);
}

base::outcome<void> core::mark_ending(const place& what, std::string_view finalizer) {
    const auto present = objects_.find(what.type_key, what.key);
    const auto type = types_.stored(what.type_key);
    if (!present || !type || present->is_ending) return {};
    auto next = present->parse();
    auto& metadata = metadata_of(next);
    metadata["deletionTimestamp"] = base::to_rfc3339(clock_.utc_now());
    metadata["deletionGracePeriodSeconds"] = 0;
    const auto* generation = metadata.if_contains("generation");
    if (generation != nullptr && generation->is_int64()) {
        metadata["generation"] = generation->get_int64() + 1;
    }
    if (what.type_key == namespaces_key) next["status"] = json::object{{"phase", "Terminating"}};
    if (!finalizer.empty()) {
        auto& list = metadata["finalizers"];
        if (!list.is_array()) list.emplace_array();
        list.get_array().push_back(json::string(finalizer));
    }
    auto kept = store(*type, what.key, std::move(next));
    if (!kept) return base::pass(std::move(kept));
    return {};
}

base::outcome<void> core::erase(const place& what) {
    const auto present = objects_.find(what.type_key, what.key);
    if (!present) return {};
    auto removed = objects_.remove(what.type_key, what.key);
    if (!removed) return base::pass(std::move(removed));
    index(what, present, nullptr);
    if (what.type_key == definitions_key) {
        const auto definition = present->parse();
        const auto* spec = object_at(&definition, "spec");
        const auto key =
            text_at(*spec, "group") + "/" + text_at(*object_at(spec, "names"), "plural");
        std::vector<object_key> inside;
        for (const auto& [each, object] : objects_.all(key)) inside.push_back(each);
        for (const auto& each : inside) {
            auto gone = erase({key, each});
            if (!gone) return gone;
        }
        types_.remove_definition(definition);
    }
    auto collected = collect_dependents(present->uid);
    if (!collected) return collected;
    for (const auto& owner : present->owners) {
        auto finished = finish_foreground(owner);
        if (!finished) return finished;
    }
    return finish_namespace(what.key.first);
}

// Objects whose last owner goes, go as well; others only forget it.
base::outcome<void> core::collect_dependents(const std::string& uid) {
    std::vector<place> list;
    const auto [from, to] = dependents_.equal_range(uid);
    for (auto at = from; at != to; ++at) list.push_back(at->second);
    for (const auto& each : list) {
        const auto object = objects_.find(each.type_key, each.key);
        if (!object) continue;
        const bool has_other = std::ranges::any_of(object->owners, [&](const std::string& other) {
            return other != uid && by_uid_.contains(other);
        });
        auto done = has_other ? drop_owner(each, uid) : end(each);
        if (!done) return done;
    }
    return {};
}

base::outcome<void> core::release_dependents(const std::string& uid) {
    std::vector<place> list;
    const auto [from, to] = dependents_.equal_range(uid);
    for (auto at = from; at != to; ++at) list.push_back(at->second);
    for (const auto& each : list) {
        auto done = drop_owner(each, uid);
        if (!done) return done;
    }
    return {};
}

base::outcome<void> core::drop_owner(const place& what, const std::string& uid) {
    const auto present = objects_.find(what.type_key, what.key);
    const auto type = types_.stored(what.type_key);
    if (!present || !type) return {};
    auto next = present->parse();
    json::array left;
    for (const auto& each : *array_at(object_at(&next, "metadata"), "ownerReferences")) {
        if (!each.is_object() || text_at(each.get_object(), "uid") != uid) left.push_back(each);
    }
    metadata_of(next)["ownerReferences"] = std::move(left);
    auto kept = store(*type, what.key, std::move(next));
    if (!kept) return base::pass(std::move(kept));
    return {};
}

// An owner that waits for its dependents goes with the last of them.
base::outcome<void> core::finish_foreground(const std::string& owner_uid) {
    const auto at = by_uid_.find(owner_uid);
    if (at == by_uid_.end() || dependents_.contains(owner_uid)) return {};
    const auto what = at->second;
    const auto present = objects_.find(what.type_key, what.key);
    const auto type = types_.stored(what.type_key);
    if (!present || !type || !present->is_ending || !has_finalizer(*present, foreground)) {
        return {};
    }
    auto next = present->parse();
    json::array left;
    for (const auto& each : *array_at(object_at(&next, "metadata"), "finalizers")) {
        if (each != json::value(foreground)) left.push_back(each);
    }
    metadata_of(next)["finalizers"] = std::move(left);
    auto kept = store(*type, what.key, std::move(next));
    if (!kept) return base::pass(std::move(kept));
    if ((*kept)->has_finalizers) return {};
    return erase(what);
}

base::outcome<void> core::empty_namespace(const std::string& name) {
    std::vector<place> inside;
    for (const auto& [type_key, all] : objects_.everything()) {
        for (auto at = all.lower_bound({name, ""}); at != all.end() && at->first.first == name;
             ++at) {
            inside.push_back({type_key, at->first});
        }
    }
    for (const auto& each : inside) {
        auto done = end(each);
        if (!done) return done;
    }
    return finish_namespace(name);
}

base::outcome<void> core::finish_namespace(const std::string& name) {
    if (name.empty()) return {};
    const auto home = objects_.find(namespaces_key, {"", name});
    if (!home || !home->is_ending) return {};
    for (const auto& [type_key, all] : objects_.everything()) {
        const auto at = all.lower_bound({name, ""});
        if (at != all.end() && at->first.first == name) return {};
    }
    return erase({namespaces_key, {"", name}});
}

base::outcome<void> core::take_up_the_undone() {
    std::vector<place> undone;
    for (const auto& [type_key, all] : objects_.everything()) {
        for (const auto& [key, object] : all) {
            const bool is_orphan =
                !object->owners.empty() &&
                std::ranges::none_of(object->owners, [this](const std::string& uid) {
                    return by_uid_.contains(uid);
                });
            const bool is_over =
                object->is_ending && (type_key == namespaces_key || !object->has_finalizers);
            if (is_orphan || is_over) undone.push_back({type_key, key});
        }
    }
    for (const auto& each : undone) {
        auto done = end(each);
        if (!done) return done;
    }
    return {};
}

core::answered core::remove(const call& asked, const http::request& incoming) {
    const auto& type = *asked.type;
    const auto present = objects_.find(type.key(), asked.key());
    if (!present) return not_found(type.group, type.plural, asked.name);
    auto read = read_options(asked, incoming);
    if (const auto* why = std::get_if<refusal>(&read)) return *why;
    const auto& options = std::get<delete_options>(read);
    if (!options.uid.empty() && options.uid != present->uid) {
        return conflict(type.group, type.plural, asked.name,
                        fmt::format("Precondition failed: UID in precondition: {}, UID in object "
                                    "meta: {}",
                                    options.uid, present->uid));
    }
    if (!options.revision.empty() && options.revision != std::to_string(present->revision)) {
        return conflict(type.group, type.plural, asked.name,
                        fmt::format("Precondition failed: ResourceVersion in precondition: {}, "
                                    "ResourceVersion in object meta: {}",
                                    options.revision, present->revision));
    }
    const auto gone = [&] {
        return json_response(200, success(asked.name, type.group, type.plural, present->uid));
    };
    if (options.dry_run) return gone();
    auto ended =
        end({type.key(), asked.key()}, options.policy == "Foreground" ? dependents_go::before
                                       : options.policy == "Orphan"   ? dependents_go::never
                                                                      : dependents_go::after);
    if (!ended) return internal_error(ended.error().text);
    const auto left = objects_.find(type.key(), asked.key());
    return left ? stored_answer(asked, 200, left, {}) : gone();
}

core::answered core::remove_all(const call& asked, const http::request& incoming) {
    const auto& type = *asked.type;
    auto read = read_options(asked, incoming);
    if (const auto* why = std::get_if<refusal>(&read)) return *why;
    const auto wanted = selector::parse(asked.option("labelSelector"),
                                        asked.option("fieldSelector"), type.selectable);
    if (!wanted) return bad_request(wanted.error().text);
    std::vector<std::pair<object_key, object_pointer>> list;
    for (const auto& [key, object] : objects_.all(type.key())) {
        if (!asked.ns.empty() && key.first != asked.ns) continue;
        if (wanted->matches(key, *object)) list.emplace_back(key, object);
    }
    std::string items;
    for (const auto& [key, object] : list) {
        if (!items.empty()) items += ',';
        append_object(items, {asked.type, shape::whole}, object->text());
        if (std::get<delete_options>(read).dry_run) continue;
        auto ended = end({type.key(), key});
        if (!ended) return internal_error(ended.error().text);
    }
    return json_response(
        200, fmt::format(R"({{"apiVersion":"{}","kind":"{}List","metadata":{{"resourceVersion":)"
                         R"("{}"}},"items":[{}]}})",
                         type.api_version(), type.kind, objects_.revision(), items));
}

}  // namespace apiserver
