#include "devcluster/apiserver/object_writes.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/time_text.hpp"
#include "devcluster/apiserver/admission.hpp"
#include "devcluster/apiserver/patch.hpp"
#include "devcluster/apiserver/representation.hpp"
#include "devcluster/apiserver/text.hpp"

namespace apiserver {
namespace {

constexpr std::string_view modified_since =
    "the object has been modified; please apply your changes to the latest version and try again";

std::variant<json::object, status_error> parse_object(const resource_type& type,
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

// Compares the members whose changes increment metadata.generation: all except metadata, and
// except status if the type has a status subresource.
bool same_spec(const resource_type& type, const json::object& a, const json::object& b) {
    const auto same_member = [](const json::object& in, std::string_view key,
                                const json::value& value) {
        const auto* other = in.if_contains(key);
        return other != nullptr && *other == value;
    };
    const auto counts = [&](std::string_view key) {
        return key != "metadata" && !(key == "status" && type.has_status);
    };
    const auto all_in = [&](const json::object& first, const json::object& in) {
        return std::ranges::all_of(first, [&](const auto& member) {
            return !counts(member.key()) || same_member(in, member.key(), member.value());
        });
    };
    return all_in(a, b) && all_in(b, a);
}

std::optional<status_error> check_kind(const resource_type& type, const json::object& object) {
    std::vector<cause> causes;
    const auto check = [&](const char* field, const std::string& wanted) {
        const auto* claimed = object.if_contains(field);
        if (claimed == nullptr || !claimed->is_string() || claimed->get_string() == wanted) return;
        causes.push_back({"FieldValueInvalid",
                          fmt::format("Invalid value: \"{}\": must be {}",
                                      std::string_view(claimed->get_string()), wanted),
                          field});
    };
    check("apiVersion", type.api_version());
    check("kind", type.kind);
    if (causes.empty()) return std::nullopt;
    return invalid(type.group, type.kind, meta(object, "name"), causes);
}

// The status of a definition that is served immediately.
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

// A deleting object may lose finalizers but must not gain any.
std::optional<status_error> check_finalizers(const resource_type& type, const json::object& before,
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

std::optional<status_error> check_identity(const request_info& info, const json::object& wanted,
                                           const object_pointer& present) {
    const auto& type = *info.type;
    if (const auto name = meta(wanted, "name"); name != info.name) {
        return bad_request(
            fmt::format("the name of the object ({}) does not match the name on the URL ({})", name,
                        info.name));
    }
    const auto ns = meta(wanted, "namespace");
    if (type.namespaced && !ns.empty() && ns != info.ns) {
        return bad_request(
            "the namespace of the object does not match the namespace on the request");
    }
    const auto uid = meta(wanted, "uid");
    if (!uid.empty() && uid != present->uid) {
        return conflict(type.group, type.plural, info.name,
                        fmt::format("Precondition failed: UID in precondition: {}, UID in object "
                                    "meta: {}",
                                    uid, present->uid));
    }
    const auto revision = meta(wanted, "resourceVersion");
    if (!revision.empty() && revision != "0" && revision != std::to_string(present->revision)) {
        return conflict(type.group, type.plural, info.name, modified_since);
    }
    return std::nullopt;
}

}  // namespace

std::string object_writes::new_uid() {
    const auto high = random_();
    const auto low = random_();
    return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", high >> 32, high >> 16 & 0xffff,
                       high & 0xfff, (low >> 48 & 0x3fff) | 0x8000, low & 0xffff'ffff'ffff);
}

base::outcome<void> object_writes::ensure(std::string_view api_version, std::string_view plural,
                                          json::object content, when_present policy) {
    const auto slash = api_version.find('/');
    const bool is_core = slash == std::string_view::npos;
    const auto type = types_.find(is_core ? std::string_view() : api_version.substr(0, slash),
                                  is_core ? api_version : api_version.substr(slash + 1), plural);
    if (!type) return base::fail(base::errc::invalid, fmt::format("no such type: {}", plural));
    request_info info{.type = type,
                      .verb = "create",
                      .ns = meta(content, "namespace"),
                      .name = meta(content, "name")};
    std::vector<std::string> warnings;
    if (const auto error = admit({*type, "Strict"}, content, warnings)) {
        return base::fail(base::errc::invalid, error->message);
    }
    if (const auto present = objects_.find(type->key(), info.key())) {
        auto next = present->parse();
        const auto* spec = content.if_contains("spec");
        if (policy == when_present::keep || spec == nullptr || next["spec"] == *spec) return {};
        next["spec"] = *spec;
        if (type->key() == definitions_key) {
            next["status"] = definition_status(next, base::to_rfc3339(clock_.utc_now()));
        }
        auto stored = collector_.put(*type, info.key(), std::move(next));
        if (!stored) return base::pass(std::move(stored));
        return {};
    }
    complete_new(info, content);
    auto stored = collector_.put(*type, info.key(), std::move(content));
    if (!stored) return base::pass(std::move(stored));
    return {};
}

std::optional<status_error> object_writes::check_namespace(const request_info& info) const {
    if (!info.type->namespaced) return std::nullopt;
    const auto namespace_object = objects_.find(namespaces_key, {"", info.ns});
    if (!namespace_object) return not_found("", "namespaces", info.ns);
    if (!namespace_object->is_deleting) return std::nullopt;
    return status_error{
        403,
        "Forbidden",
        fmt::format("unable to create new content in namespace {} because it is being "
                    "terminated",
                    info.ns),
        {{"causes",
          {{{"reason", "NamespaceTerminating"},
            {"message", fmt::format("namespace {} is being terminated", info.ns)},
            {"field", "metadata.namespace"}}}}}};
}

// Sets the members that the server owns.
void object_writes::complete_new(const request_info& info, json::object& object) {
    const auto& type = *info.type;
    const auto now = base::to_rfc3339(clock_.utc_now());
    object["apiVersion"] = type.stored_api_version();
    object["kind"] = type.kind;
    auto& metadata = metadata_of(object);
    metadata["name"] = info.name;
    if (type.namespaced) metadata["namespace"] = info.ns;
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
        labels.get_object()["kubernetes.io/metadata.name"] = info.name;
        object["spec"] = json::object{{"finalizers", {"kubernetes"}}};
        object["status"] = json::object{{"phase", "Active"}};
    }
    if (type.key() == definitions_key) object["status"] = definition_status(object, now);
}

write_result object_writes::create(const request_info& info, const http::request& incoming) {
    const auto& type = *info.type;
    auto parsed = parse_object(type, incoming);
    if (const auto* error = std::get_if<status_error>(&parsed)) return *error;
    auto object = std::move(std::get<json::object>(parsed));
    if (const auto error = check_kind(type, object)) return *error;
    auto named = info;
    named.name = meta(object, "name");
    if (named.name.empty() && !meta(object, "generateName").empty()) {
        named.name = meta(object, "generateName") + new_uid().substr(0, 5);
    }
    const auto ns = meta(object, "namespace");
    if (type.namespaced && !ns.empty() && ns != info.ns) {
        return bad_request(
            "the namespace of the provided object does not match the namespace sent on the "
            "request");
    }
    if (type.namespaced && info.ns.empty()) return method_not_allowed();
    if (const auto error = check_namespace(info)) return *error;
    std::vector<std::string> warnings;
    if (!named.name.empty()) metadata_of(object)["name"] = named.name;
    if (auto error = admit({type, info.option("fieldValidation")}, object, warnings)) return *error;
    if (const auto present = objects_.find(type.key(), named.key())) {
        auto error = already_exists(type.group, type.plural, named.name);
        if (present->is_deleting) error.message = "object is being deleted: " + error.message;
        return error;
    }
    complete_new(named, object);
    if (!info.option("dryRun").empty()) {
        return json_response(201, in_version(type, std::move(object)));
    }
    auto stored = collector_.put(type, named.key(), std::move(object));
    if (!stored) return internal_error(stored.error().text);
    auto response = object_response(info.type, 201, **stored, warnings);
    // An object whose owners do not exist is deleted at once, as by the garbage collector.
    if (collector_.is_orphan(**stored)) {
        auto deleted = collector_.begin_delete({type.key(), named.key()});
        if (!deleted) return internal_error(deleted.error().text);
    }
    return response;
}

write_result object_writes::update(const request_info& info, const http::request& incoming) {
    const auto& type = *info.type;
    auto parsed = parse_object(type, incoming);
    if (const auto* error = std::get_if<status_error>(&parsed)) return *error;
    auto object = std::move(std::get<json::object>(parsed));
    if (const auto error = check_kind(type, object)) return *error;
    const auto present = objects_.find(type.key(), info.key());
    if (!present) return not_found(type.group, type.plural, info.name);
    if (meta(object, "resourceVersion").empty() && type.needs_revision) {
        return invalid(type.group, type.kind, info.name,
                       {{"FieldValueInvalid", "Invalid value: 0: must be specified for an update",
                         "metadata.resourceVersion"}});
    }
    if (meta(object, "name").empty()) metadata_of(object)["name"] = info.name;
    return write(info, present, std::move(object));
}

write_result object_writes::patch(const request_info& info, const http::request& incoming) {
    const auto& type = *info.type;
    const auto present = objects_.find(type.key(), info.key());
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
    if (!present) return not_found(type.group, type.plural, info.name);
    boost::system::error_code parse_error;
    const auto wanted = json::parse(incoming.body, parse_error);
    if (parse_error) return bad_request("error decoding patch: " + parse_error.message());
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
            return status_error{422, "Invalid",
                                "the server rejected our request due to an error in our request"};
        }
    }
    if (!patched.is_object()) return bad_request("the patch leaves no object");
    auto& object = patched.get_object();
    if (const auto error = check_kind(type, object)) return *error;
    return write(info, present, std::move(object));
}

write_result object_writes::write(const request_info& info, const object_pointer& present,
                                  json::object wanted) {
    const auto& type = *info.type;
    if (const auto error = check_identity(info, wanted, present)) return *error;
    const auto before = present->parse();
    if (info.subresource == "status") {
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
    if (const auto error = check_finalizers(type, before, wanted)) return *error;
    const bool is_patch = info.verb == "patch";
    std::vector<std::string> warnings;
    wanted["apiVersion"] = type.stored_api_version();
    wanted["kind"] = type.kind;
    if (auto error = admit({type, info.option("fieldValidation"), is_patch}, wanted, warnings)) {
        return *error;
    }
    if (type.counts_generations && !same_spec(type, before, wanted)) {
        const auto* generation = metadata_of(wanted).if_contains("generation");
        const bool is_counted = generation != nullptr && generation->is_int64();
        metadata_of(wanted)["generation"] = is_counted ? generation->get_int64() + 1 : 1;
    }
    if (!info.option("dryRun").empty()) {
        return json_response(200, in_version(type, std::move(wanted)));
    }
    if (wanted == before) return object_response(info.type, 200, *present, warnings);
    auto stored = collector_.put(type, info.key(), std::move(wanted));
    if (!stored) return internal_error(stored.error().text);
    auto response = object_response(info.type, 200, **stored, warnings);
    if ((*stored)->is_deleting && !(*stored)->has_finalizers && type.key() != namespaces_key) {
        auto deleted = collector_.erase({type.key(), info.key()});
        if (!deleted) return internal_error(deleted.error().text);
    }
    return response;
}

}  // namespace apiserver
