// The writing half of core: create, update, patch; what is completed and what is compared.

#include <fmt/format.h>

#include <algorithm>

#include "base/time_text.hpp"
#include "devcluster/apiserver/admission.hpp"
#include "devcluster/apiserver/api_core.hpp"
#include "devcluster/apiserver/patch.hpp"
#include "devcluster/apiserver/text.hpp"

namespace apiserver {
namespace {

constexpr std::string_view modified_meanwhile =
    "the object has been modified; please apply your changes to the latest version and try again";

std::variant<json::object, refusal> parse_object(const resource_type& type,
                                                 const http::request& incoming) {
    const auto media = incoming.headers.get("Content-Type");
    if (!media.empty() && !media.starts_with("application/json")) {
        return unsupported_media_type("application/json");
    }
    boost::system::error_code error;
    auto parsed = json::parse(incoming.body, error);
    if (error || !parsed.is_object()) {
        return bad_request(
            fmt::format("the object provided is unrecognized (must be of type {}): couldn't get "
                        "version/kind; json parse error: {}",
                        type.kind, error ? error.message() : "not an object"));
    }
    return std::move(parsed.get_object());
}

// What generation counts the changes of: everything but metadata, and status where that is apart.
bool same_spec(const resource_type& type, const json::object& a, const json::object& b) {
    const auto same_member = [](const json::object& in, std::string_view key,
                                const json::value& value) {
        const auto* other = in.if_contains(key);
        return other != nullptr && *other == value;
    };
    const auto counts = [&](std::string_view key) {
        return key != "metadata" && !(key == "status" && type.has_status);
    };
    const auto all_in = [&](const json::object& from, const json::object& in) {
        return std::ranges::all_of(from, [&](const auto& member) {
            return !counts(member.key()) || same_member(in, member.key(), member.value());
        });
    };
    return all_in(a, b) && all_in(b, a);
}

std::optional<refusal> check_kind(const resource_type& type, const json::object& object) {
    std::vector<cause> causes;
    const auto check = [&](const char* field, const std::string& wanted) {
        const auto* told = object.if_contains(field);
        if (told == nullptr || !told->is_string() || told->get_string() == wanted) return;
        causes.push_back({"FieldValueInvalid",
                          fmt::format("Invalid value: \"{}\": must be {}",
                                      std::string_view(told->get_string()), wanted),
                          field});
    };
    check("apiVersion", type.api_version());
    check("kind", type.kind);
    if (causes.empty()) return std::nullopt;
    return invalid(type.group, type.kind, meta(object, "name"), causes);
}

// The conditions of a definition that is served at once.
json::object definition_status(const json::object& definition, const std::string& now) {
    const auto condition = [&](std::string_view type, std::string_view reason) {
        return json::object{{"type", type},
                            {"status", "True"},
                            {"reason", reason},
                            {"message", ""},
                            {"lastTransitionTime", now}};
    };
    json::array stored;
    const auto* spec = object_at(&definition, "spec");
    for (const auto& each : *array_at(spec, "versions")) {
        if (flag_at(each.get_object(), "storage")) stored.push_back(each.at("name"));
    }
    return {{"conditions", json::array{condition("NamesAccepted", "NoConflicts"),
                                       condition("Established", "InitialNamesAccepted")}},
            {"acceptedNames", *object_at(spec, "names")},
            {"storedVersions", std::move(stored)}};
}

std::vector<std::string> finalizers_of(const json::object& object) {
    std::vector<std::string> names;
    const auto* list = array_at(object_at(&object, "metadata"), "finalizers");
    if (list == nullptr) return names;
    for (const auto& each : *list) {
        if (each.is_string()) names.emplace_back(each.get_string());
    }
    return names;
}

// An ending object may lose finalizers, not gain them.
std::optional<refusal> check_finalizers(const resource_type& type, const json::object& before,
                                        const json::object& wanted) {
    if (meta(before, "deletionTimestamp").empty()) return std::nullopt;
    const auto old = finalizers_of(before);
    for (const auto& each : finalizers_of(wanted)) {
        if (std::ranges::find(old, each) != old.end()) continue;
        return invalid(type.group, type.kind, meta(before, "name"),
                       {{"FieldValueForbidden",
                         fmt::format("Forbidden: no new finalizers can be added if the object is "
                                     "being deleted, found new finalizers []string{{\"{}\"}}",
                                     each),
                         "metadata.finalizers"}});
    }
    return std::nullopt;
}

}  // namespace

std::string core::new_uid() {
    const auto high = random_();
    const auto low = random_();
    return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", high >> 32, high >> 16 & 0xffff,
                       high & 0xfff, (low >> 48 & 0x3fff) | 0x8000, low & 0xffff'ffff'ffff);
}

base::outcome<void> core::ensure(std::string_view api_version, std::string_view plural,
                                 json::object content, when_present then) {
    const auto slash = api_version.find('/');
    const bool is_core = slash == std::string_view::npos;
    const auto type = types_.find(is_core ? std::string_view() : api_version.substr(0, slash),
                                  is_core ? api_version : api_version.substr(slash + 1), plural);
    if (!type) return base::fail(base::errc::invalid, fmt::format("no such type: {}", plural));
    call asked{.type = type,
               .verb = "create",
               .ns = meta(content, "namespace"),
               .name = meta(content, "name")};
    std::vector<std::string> warnings;
    if (const auto why = admit({*type, "Strict"}, content, warnings)) {
        return base::fail(base::errc::invalid, why->message);
    }
    if (const auto present = objects_.find(type->key(), asked.key())) {
        auto next = present->parse();
        const auto* spec = content.if_contains("spec");
        if (then == when_present::keep || spec == nullptr || next["spec"] == *spec) return {};
        next["spec"] = *spec;
        if (type->key() == definitions_key) {
            next["status"] = definition_status(next, base::to_rfc3339(clock_.utc_now()));
        }
        auto kept = store(*type, asked.key(), std::move(next));
        if (!kept) return base::pass(std::move(kept));
        return {};
    }
    complete_new(asked, content);
    auto kept = store(*type, asked.key(), std::move(content));
    if (!kept) return base::pass(std::move(kept));
    return {};
}

std::optional<refusal> core::check_namespace(const call& asked) const {
    if (!asked.type->namespaced) return std::nullopt;
    const auto home = objects_.find(namespaces_key, {"", asked.ns});
    if (!home) return not_found("", "namespaces", asked.ns);
    if (!home->is_ending) return std::nullopt;
    return refusal{403,
                   "Forbidden",
                   fmt::format("unable to create new content in namespace {} because it is being "
                               "terminated",
                               asked.ns),
                   {{"causes",
                     {{{"reason", "NamespaceTerminating"},
                       {"message", fmt::format("namespace {} is being terminated", asked.ns)},
                       {"field", "metadata.namespace"}}}}}};
}

// What the server itself puts into a new object.
void core::complete_new(const call& asked, json::object& object) {
    const auto& type = *asked.type;
    const auto now = base::to_rfc3339(clock_.utc_now());
    object["apiVersion"] = type.stored_api_version();
    object["kind"] = type.kind;
    auto& metadata = metadata_of(object);
    metadata["name"] = asked.name;
    if (type.namespaced) metadata["namespace"] = asked.ns;
    for (const auto* own : {"resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds",
                            "managedFields", "selfLink", "generation"}) {
        metadata.erase(own);
    }
    metadata["uid"] = new_uid();
    metadata["creationTimestamp"] = now;
    if (type.counts_generations) metadata["generation"] = 1;
    if (type.has_status) object.erase("status");
    if (type.key() == namespaces_key) {
        auto& labels = metadata["labels"];
        if (!labels.is_object()) labels.emplace_object();
        labels.get_object()["kubernetes.io/metadata.name"] = asked.name;
        object["spec"] = json::object{{"finalizers", {"kubernetes"}}};
        object["status"] = json::object{{"phase", "Active"}};
    }
    if (type.key() == definitions_key) object["status"] = definition_status(object, now);
}

base::outcome<object_pointer> core::store(const resource_type& type, const object_key& key,
                                          json::object object) {
    const auto before = objects_.find(type.key(), key);
    auto made = objects_.put(type.key(), key, std::move(object));
    if (!made) return made;
    index({type.key(), key}, before, *made);
    if (type.key() == definitions_key) types_.add_definition((*made)->parse());
    return made;
}

http::response core::stored_answer(const call& asked, unsigned status, const object_pointer& object,
                                   const std::vector<std::string>& warnings) const {
    std::string text;
    append_object(text, {asked.type, shape::whole}, object->text());
    auto answer = json_response(status, std::move(text));
    for (const auto& each : warnings) {
        answer.headers.add("Warning", "299 - " + json::serialize(json::string(each)));
    }
    return answer;
}

core::answered core::create(const call& asked, const http::request& incoming) {
    const auto& type = *asked.type;
    auto parsed = parse_object(type, incoming);
    if (const auto* why = std::get_if<refusal>(&parsed)) return *why;
    auto object = std::move(std::get<json::object>(parsed));
    if (const auto why = check_kind(type, object)) return *why;
    auto named = asked;
    named.name = meta(object, "name");
    if (named.name.empty() && !meta(object, "generateName").empty()) {
        named.name = meta(object, "generateName") + new_uid().substr(0, 5);
    }
    const auto told = meta(object, "namespace");
    if (type.namespaced && !told.empty() && told != asked.ns) {
        return bad_request(
            "the namespace of the provided object does not match the namespace sent on the "
            "request");
    }
    if (type.namespaced && asked.ns.empty()) return method_not_allowed();
    if (named.name.empty()) {
        return invalid(type.group, type.kind, "",
                       {{"FieldValueRequired", "Required value: name or generateName is required",
                         "metadata.name"}});
    }
    if (const auto why = check_namespace(asked)) return *why;
    if (const auto causes = check_name(type, named.name); !causes.empty()) {
        return invalid(type.group, type.kind, named.name, causes);
    }
    std::vector<std::string> warnings;
    metadata_of(object)["name"] = named.name;
    if (auto why = admit({type, asked.option("fieldValidation")}, object, warnings)) return *why;
    if (const auto present = objects_.find(type.key(), named.key())) {
        auto why = already_exists(type.group, type.plural, named.name);
        if (present->is_ending) why.message = "object is being deleted: " + why.message;
        return why;
    }
    complete_new(named, object);
    if (!asked.option("dryRun").empty()) {
        return json_response(201, in_version(type, std::move(object)));
    }
    auto made = store(type, named.key(), std::move(object));
    if (!made) return internal_error(made.error().text);
    auto answer = stored_answer(asked, 201, *made, warnings);
    // Owners that are not there have gone: so does this.
    const auto& owners = (*made)->owners;
    const bool is_orphan =
        !owners.empty() && std::ranges::none_of(owners, [this](const std::string& uid) {
            return by_uid_.contains(uid);
        });
    if (is_orphan) {
        auto gone = end({type.key(), named.key()});
        if (!gone) return internal_error(gone.error().text);
    }
    return answer;
}

core::answered core::update(const call& asked, const http::request& incoming) {
    const auto& type = *asked.type;
    auto parsed = parse_object(type, incoming);
    if (const auto* why = std::get_if<refusal>(&parsed)) return *why;
    auto object = std::move(std::get<json::object>(parsed));
    if (const auto why = check_kind(type, object)) return *why;
    const auto present = objects_.find(type.key(), asked.key());
    if (!present) return not_found(type.group, type.plural, asked.name);
    if (meta(object, "resourceVersion").empty() && type.needs_revision) {
        return invalid(type.group, type.kind, asked.name,
                       {{"FieldValueInvalid", "Invalid value: 0: must be specified for an update",
                         "metadata.resourceVersion"}});
    }
    if (meta(object, "name").empty()) metadata_of(object)["name"] = asked.name;
    return write(asked, present, std::move(object));
}

core::answered core::patch(const call& asked, const http::request& incoming) {
    const auto& type = *asked.type;
    const auto present = objects_.find(type.key(), asked.key());
    const auto media = incoming.headers.get("Content-Type");
    const bool is_strategic = media.starts_with("application/strategic-merge-patch+json");
    const bool is_merge = media.starts_with("application/merge-patch+json");
    const bool is_json = media.starts_with("application/json-patch+json");
    if (!is_merge && !is_json && (!is_strategic || type.is_custom)) {
        return unsupported_media_type(
            type.is_custom ? "application/json-patch+json, application/merge-patch+json"
                           : "application/json-patch+json, application/merge-patch+json, "
                             "application/strategic-merge-patch+json");
    }
    if (!present) return not_found(type.group, type.plural, asked.name);
    boost::system::error_code error;
    const auto wanted = json::parse(incoming.body, error);
    if (error) return bad_request("error decoding patch: " + error.message());
    json::value patched = in_version(type, present->parse());
    if (!is_json && !wanted.is_object()) return bad_request("error decoding patch: not an object");
    if (is_merge) merge_patch(patched, wanted);
    if (is_strategic) strategic_merge_patch(patched, wanted);
    if (is_json) {
        const auto applied = json_patch(patched, wanted);
        if (!applied && applied.error().code == base::errc::invalid) {
            return bad_request("error decoding patch: " + applied.error().text);
        }
        if (!applied) {
            return refusal{422, "Invalid",
                           "the server rejected our request due to an error in our request"};
        }
    }
    if (!patched.is_object()) return bad_request("the patch leaves no object");
    auto& object = patched.get_object();
    if (const auto why = check_kind(type, object)) return *why;
    return write(asked, present, std::move(object));
}

std::optional<refusal> core::check_identity(const call& asked, const json::object& wanted,
                                            const object_pointer& present) const {
    const auto& type = *asked.type;
    if (const auto name = meta(wanted, "name"); name != asked.name) {
        return bad_request(
            fmt::format("the name of the object ({}) does not match the name on the URL ({})", name,
                        asked.name));
    }
    const auto home = meta(wanted, "namespace");
    if (type.namespaced && !home.empty() && home != asked.ns) {
        return bad_request(
            "the namespace of the object does not match the namespace on the request");
    }
    const auto uid = meta(wanted, "uid");
    if (!uid.empty() && uid != present->uid) {
        return conflict(type.group, type.plural, asked.name,
                        fmt::format("Precondition failed: UID in precondition: {}, UID in object "
                                    "meta: {}",
                                    uid, present->uid));
    }
    const auto told = meta(wanted, "resourceVersion");
    if (!told.empty() && told != "0" && told != std::to_string(present->revision)) {
        return conflict(type.group, type.plural, asked.name, modified_meanwhile);
    }
    return std::nullopt;
}

core::answered core::write(const call& asked, const object_pointer& present, json::object wanted) {
    const auto& type = *asked.type;
    if (const auto why = check_identity(asked, wanted, present)) return *why;
    const auto before = present->parse();
    if (asked.subresource == "status") {
        auto next = in_version(type, before);
        next.erase("status");
        if (const auto* status = wanted.if_contains("status")) next["status"] = *status;
        wanted = std::move(next);
    } else if (type.has_status) {
        wanted.erase("status");
        if (const auto* status = before.if_contains("status")) wanted["status"] = *status;
    }
    auto& metadata = metadata_of(wanted);
    for (const auto* fixed :
         {"name", "namespace", "uid", "creationTimestamp", "deletionTimestamp",
          "deletionGracePeriodSeconds", "generation", "resourceVersion", "managedFields"}) {
        const auto* value = before.at("metadata").get_object().if_contains(fixed);
        if (value != nullptr) {
            metadata[fixed] = *value;
        } else {
            metadata.erase(fixed);
        }
    }
    if (const auto why = check_finalizers(type, before, wanted)) return *why;
    const bool is_patch = asked.verb == "patch";
    std::vector<std::string> warnings;
    wanted["apiVersion"] = type.stored_api_version();
    wanted["kind"] = type.kind;
    if (auto why = admit({type, asked.option("fieldValidation"), is_patch}, wanted, warnings)) {
        return *why;
    }
    if (type.counts_generations && !same_spec(type, before, wanted)) {
        const auto* generation = metadata_of(wanted).if_contains("generation");
        const bool is_counted = generation != nullptr && generation->is_int64();
        metadata_of(wanted)["generation"] = is_counted ? generation->get_int64() + 1 : 1;
    }
    if (!asked.option("dryRun").empty()) {
        return json_response(200, in_version(type, std::move(wanted)));
    }
    if (wanted == before) return stored_answer(asked, 200, present, warnings);
    auto kept = store(type, asked.key(), std::move(wanted));
    if (!kept) return internal_error(kept.error().text);
    auto answer = stored_answer(asked, 200, *kept, warnings);
    if ((*kept)->is_ending && !(*kept)->has_finalizers && type.key() != namespaces_key) {
        auto gone = erase({type.key(), asked.key()});
        if (!gone) return internal_error(gone.error().text);
    }
    return answer;
}

}  // namespace apiserver
