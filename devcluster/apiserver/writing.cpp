// The writing half of core: what may be written, how it is completed, and what goes with what.

#include <fmt/format.h>

#include <algorithm>

#include "base/time_text.hpp"
#include "devcluster/apiserver/core.hpp"
#include "devcluster/apiserver/patch.hpp"
#include "devcluster/apiserver/schema.hpp"
#include "devcluster/apiserver/text.hpp"

namespace apiserver {
namespace {

const std::string namespaces_key = "/namespaces";
const std::string definitions_key = "apiextensions.k8s.io/customresourcedefinitions";

std::string value_of(const std::map<std::string, std::string, std::less<>>& query,
                     std::string_view key) {
    const auto at = query.find(key);
    return at == query.end() ? std::string() : at->second;
}

std::variant<json::object, refusal> parse_object(const http::request& incoming) {
    boost::system::error_code error;
    auto parsed = json::parse(incoming.body, error);
    if (error || !parsed.is_object()) {
        return bad_request(
            "the object provided is unrecognized: couldn't get version/kind; json "
            "parse error");
    }
    return std::move(parsed.get_object());
}

// Everything but metadata and status: what generation counts the changes of.
bool same_spec(const json::object& a, const json::object& b) {
    const auto stripped = [](json::object object) {
        object.erase("metadata");
        object.erase("status");
        return object;
    };
    return stripped(a) == stripped(b);
}

bool same_content(const json::object& a, const json::object& b) {
    const auto stripped = [](json::object object) {
        metadata_of(object).erase("resourceVersion");
        return object;
    };
    return stripped(a) == stripped(b);
}

void encode_secret(json::object& object) {
    const auto* plain = object.if_contains("stringData");
    if (plain == nullptr || !plain->is_object()) return;
    auto& data = object["data"];
    if (!data.is_object()) data.emplace_object();
    for (const auto& [key, value] : plain->get_object()) {
        if (value.is_string()) data.get_object()[key] = base64(value.get_string());
    }
    object.erase("stringData");
}

}  // namespace

std::string core::new_uid() {
    const auto high = random_();
    const auto low = random_();
    return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", high >> 32, high >> 16 & 0xffff,
                       high & 0xfff, (low >> 48 & 0x3fff) | 0x8000, low & 0xffff'ffff'ffff);
}

const resource_type* core::type_of_key(const std::string& type_key) const {
    for (const auto& type : types_.all()) {
        if (type->key() == type_key) return type.get();
    }
    return nullptr;
}

void core::ensure(std::string_view group, std::string_view version, std::string_view plural,
                  json::object content) {
    const auto* type = types_.find(group, version, plural);
    if (type == nullptr) return;
    const object_store::object_key key{meta(content, "namespace"), meta(content, "name")};
    if (objects_.find(type->key(), key)) return;
    auto& metadata = metadata_of(content);
    metadata["uid"] = new_uid();
    metadata["creationTimestamp"] = base::to_rfc3339(clock_.wall());
    metadata["generation"] = 1;
    content["apiVersion"] = type->api_version();
    content["kind"] = type->kind;
    store(*type, key, std::move(content));
}

std::optional<refusal> core::check_namespace(const route& to) const {
    if (!to.type->namespaced) return std::nullopt;
    const auto home = objects_.find(namespaces_key, {"", to.name_space});
    if (!home) return not_found("", "namespaces", to.name_space);
    if (meta(home->content, "deletionTimestamp").empty()) return std::nullopt;
    return refusal{
        403,
        "Forbidden",
        fmt::format("unable to create new content in namespace {} because it is being "
                    "terminated",
                    to.name_space),
        {{"causes",
          {{{"reason", "NamespaceTerminating"}, {"message", "namespace is being terminated"}}}}}};
}

// Defaults, unknown fields and validation of custom objects.
std::optional<refusal> core::admit(const resource_type& type, const query_map& query,
                                   json::object& object, bool is_patch,
                                   std::vector<std::string>& warnings) const {
    const auto name = meta(object, "name");
    if (type.key() == "/secrets") encode_secret(object);
    if (!type.is_custom || type.schema.empty()) return std::nullopt;
    const auto kept = std::array{object["apiVersion"], object["kind"], object["metadata"]};
    for (const auto* key : {"apiVersion", "kind", "metadata"}) object.erase(key);
    json::value value = std::move(object);
    auto unknown = prune(type.schema, value, "");
    set_defaults(type.schema, value);
    auto causes = validate(type.schema, value, "");
    object = std::move(value.get_object());
    object["apiVersion"] = kept[0];
    object["kind"] = kept[1];
    object["metadata"] = kept[2];
    const auto mode = value_of(query, "fieldValidation");
    if (!unknown.empty() && mode == "Strict") {
        std::string text;
        for (const auto& each : unknown) {
            text += fmt::format("{}unknown field \"{}\"", text.empty() ? "" : ", ", each);
        }
        if (is_patch) {
            return invalid(type.group, type.kind, name,
                           {{"FieldValueInvalid", "strict decoding error: " + text, "patch"}});
        }
        return bad_request(
            fmt::format("{} in version \"{}\" cannot be handled as a {}: strict "
                        "decoding error: {}",
                        type.kind, type.version, type.kind, text));
    }
    if (mode != "Ignore") {
        for (const auto& each : unknown)
            warnings.push_back(fmt::format("unknown field \"{}\"", each));
    }
    if (!causes.empty()) return invalid(type.group, type.kind, name, causes);
    return std::nullopt;
}

void core::store(const resource_type& type, const object_store::object_key& key,
                 json::object object) {
    const auto before = objects_.find(type.key(), key);
    if (!before) {
        for (const auto& uid : owners_of(object)) {
            dependents_.emplace(uid, place{type.key(), key});
        }
    }
    if (type.key() == definitions_key) types_.add_definition(object);
    objects_.put(type.key(), key, std::move(object));
}

http::response core::create(const route& to, const query_map& query,
                            const http::request& incoming) {
    auto parsed = parse_object(incoming);
    if (const auto* why = std::get_if<refusal>(&parsed)) return to_response(*why);
    auto object = std::move(std::get<json::object>(parsed));
    const auto& type = *to.type;
    const auto* kind = object.if_contains("kind");
    if (kind != nullptr && kind->is_string() && kind->get_string() != type.kind) {
        return to_response(invalid(type.group, type.kind, meta(object, "name"),
                                   {{"FieldValueInvalid",
                                     fmt::format("Invalid value: \"{}\": must be {}",
                                                 std::string_view(kind->get_string()), type.kind),
                                     "kind"}}));
    }
    auto name = meta(object, "name");
    if (name.empty() && !meta(object, "generateName").empty()) {
        name = meta(object, "generateName") + new_uid().substr(0, 5);
        metadata_of(object)["name"] = name;
    }
    if (name.empty()) {
        return to_response(invalid(type.group, type.kind, "",
                                   {{"FieldValueRequired",
                                     "Required value: name or generateName "
                                     "is required",
                                     "metadata.name"}}));
    }
    if (!is_object_name(name)) {
        return to_response(invalid(
            type.group, type.kind, name,
            {{"FieldValueInvalid",
              fmt::format("Invalid value: \"{}\": a lowercase RFC 1123 subdomain must consist of "
                          "lower case alphanumeric characters, '-' or '.'",
                          name),
              "metadata.name"}}));
    }
    if (const auto why = check_namespace(to)) return to_response(*why);
    const object_store::object_key key{to.name_space, name};
    if (objects_.find(type.key(), key)) {
        return to_response(already_exists(type.group, type.plural, name));
    }
    object["apiVersion"] = type.api_version();
    object["kind"] = type.kind;
    if (type.namespaced) metadata_of(object)["namespace"] = to.name_space;
    for (const auto* owned : {"resourceVersion", "deletionTimestamp", "managedFields"}) {
        metadata_of(object).erase(owned);
    }
    metadata_of(object)["uid"] = new_uid();
    metadata_of(object)["creationTimestamp"] = base::to_rfc3339(clock_.wall());
    metadata_of(object)["generation"] = 1;
    if (type.has_status && type.key() != namespaces_key) object.erase("status");
    if (type.key() == namespaces_key) object["status"] = json::object{{"phase", "Active"}};
    std::vector<std::string> warnings;
    if (const auto why = admit(type, query, object, false, warnings)) return to_response(*why);
    http::response answer;
    if (value_of(query, "dryRun").empty()) {
        store(type, key, std::move(object));
        answer = json_response(201, std::string());
        answer.body = http::body(objects_.find(type.key(), key)->text);
    } else {
        answer = json_response(201, object);
    }
    for (const auto& each : warnings) {
        answer.headers.add("Warning", "299 - " + json::serialize(json::string(each)));
    }
    return answer;
}

http::response core::update(const route& to, const query_map& query,
                            const http::request& incoming) {
    if (to.name.empty()) return to_response(method_not_allowed());
    auto parsed = parse_object(incoming);
    if (const auto* why = std::get_if<refusal>(&parsed)) return to_response(*why);
    auto object = std::move(std::get<json::object>(parsed));
    if (meta(object, "resourceVersion").empty()) {
        return to_response(
            invalid(to.type->group, to.type->kind, to.name,
                    {{"FieldValueInvalid", "Invalid value: 0: must be specified for an update",
                      "metadata.resourceVersion"}}));
    }
    return write(to, query, std::move(object), false);
}

http::response core::patch(const route& to, const query_map& query, const http::request& incoming) {
    const auto present = objects_.find(to.type->key(), {to.name_space, to.name});
    if (!present) return to_response(not_found(to.type->group, to.type->plural, to.name));
    boost::system::error_code error;
    const auto wanted = json::parse(incoming.body, error);
    if (error) return to_response(bad_request("error decoding patch: not JSON"));
    json::value patched = present->content;
    const auto media = incoming.headers.get("Content-Type");
    if (media.starts_with("application/merge-patch+json")) {
        if (!wanted.is_object()) return to_response(bad_request("a merge patch is an object"));
        // Without a resourceVersion in it a patch fits any.
        merge_patch(patched, wanted);
    } else if (media.starts_with("application/json-patch+json")) {
        const auto applied = json_patch(patched, wanted);
        if (!applied && applied.error().code == base::errc::invalid) {
            return to_response(bad_request("error decoding patch: " + applied.error().text));
        }
        if (!applied) {
            return to_response(
                {422, "Invalid", "the server rejected our request due to an error in our request"});
        }
    } else {
        return to_response(
            unsupported_media_type("application/json-patch+json, application/merge-patch+json"));
    }
    if (!patched.is_object()) return to_response(bad_request("the patch leaves no object"));
    return write(to, query, std::move(patched.get_object()), true);
}

http::response core::write(const route& to, const query_map& query, json::object wanted,
                           bool is_patch) {
    const auto& type = *to.type;
    const object_store::object_key key{to.name_space, to.name};
    const auto present = objects_.find(type.key(), key);
    if (!present) return to_response(not_found(type.group, type.plural, to.name));
    const auto asked = meta(wanted, "resourceVersion");
    if (!asked.empty() && asked != std::to_string(present->revision)) {
        return to_response(conflict(type.group, type.plural, to.name,
                                    "the object has been modified; please apply your changes to "
                                    "the latest version and try again"));
    }
    const auto& before = present->content;
    if (to.subresource == "status") {
        auto next = before;
        if (const auto* status = wanted.if_contains("status")) next["status"] = *status;
        wanted = std::move(next);
    } else if (type.has_status) {
        if (const auto* status = before.if_contains("status")) {
            wanted["status"] = *status;
        } else {
            wanted.erase("status");
        }
    }
    auto& metadata = metadata_of(wanted);
    for (const auto* fixed :
         {"name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "generation"}) {
        const auto* value = before.at("metadata").get_object().if_contains(fixed);
        if (value != nullptr) {
            metadata[fixed] = *value;
        } else {
            metadata.erase(fixed);
        }
    }
    wanted["apiVersion"] = type.api_version();
    wanted["kind"] = type.kind;
    std::vector<std::string> warnings;
    if (const auto why = admit(type, query, wanted, is_patch, warnings)) return to_response(*why);
    metadata_of(wanted)["resourceVersion"] = std::to_string(present->revision);
    if (!same_spec(before, wanted)) {
        const auto& generation = before.at("metadata").get_object().if_contains("generation");
        metadata_of(wanted)["generation"] =
            generation != nullptr && generation->is_int64() ? generation->get_int64() + 1 : 2;
    }
    auto answer = json_response(200, std::string());
    const bool is_changed = !same_content(before, wanted);
    if (!value_of(query, "dryRun").empty()) return json_response(200, wanted);
    const bool is_over = !meta(wanted, "deletionTimestamp").empty() && !has_finalizers(wanted);
    if (is_changed) store(type, key, std::move(wanted));
    answer.body = http::body(objects_.find(type.key(), key)->text);
    if (is_over) erase(type, key);
    for (const auto& each : warnings) {
        answer.headers.add("Warning", "299 - " + json::serialize(json::string(each)));
    }
    return answer;
}

// Begins the end of an object: at once, or when its finalizers are gone.
void core::end(const resource_type& type, const object_store::object_key& key) {
    const auto present = objects_.find(type.key(), key);
    if (!present) return;
    const bool is_namespace = type.key() == namespaces_key;
    if (!has_finalizers(present->content) && !is_namespace) {
        erase(type, key);
        return;
    }
    if (meta(present->content, "deletionTimestamp").empty()) {
        auto next = present->content;
        metadata_of(next)["deletionTimestamp"] = base::to_rfc3339(clock_.wall());
        metadata_of(next)["deletionGracePeriodSeconds"] = 0;
        if (is_namespace) next["status"] = json::object{{"phase", "Terminating"}};
        objects_.put(type.key(), key, std::move(next));
    }
    if (!is_namespace) return;
    std::vector<place> inside;
    for (const auto& [type_key, all] : objects_.everything()) {
        for (auto at = all.lower_bound({key.second, ""});
             at != all.end() && at->first.first == key.second; ++at) {
            inside.push_back({type_key, at->first});
        }
    }
    for (const auto& each : inside) {
        if (const auto* inner = type_of_key(each.type_key)) end(*inner, each.key);
    }
    finish_namespace(key.second);
}

void core::finish_namespace(const std::string& name) {
    const auto home = objects_.find(namespaces_key, {"", name});
    if (!home || meta(home->content, "deletionTimestamp").empty()) return;
    for (const auto& [type_key, all] : objects_.everything()) {
        const auto at = all.lower_bound({name, ""});
        if (at != all.end() && at->first.first == name) return;
    }
    objects_.remove(namespaces_key, {"", name});
}

void core::erase(const resource_type& type, const object_store::object_key& key) {
    const auto present = objects_.find(type.key(), key);
    if (!present) return;
    const auto uid = meta(present->content, "uid");
    for (const auto& owner : owners_of(present->content)) {
        const auto [from, to] = dependents_.equal_range(owner);
        for (auto at = from; at != to; ++at) {
            if (at->second == place{type.key(), key}) {
                dependents_.erase(at);
                break;
            }
        }
    }
    if (type.key() == definitions_key) {
        const auto& spec = present->content.at("spec").get_object();
        const auto& names = spec.at("names").get_object();
        types_.remove_definition(std::string_view(spec.at("group").get_string()),
                                 std::string_view(names.at("plural").get_string()));
    }
    objects_.remove(type.key(), key);
    collect_dependents(uid);
    finish_namespace(key.first);
}

void core::collect_dependents(const std::string& uid) {
    std::vector<place> orphans;
    const auto [from, to] = dependents_.equal_range(uid);
    for (auto at = from; at != to; ++at) orphans.push_back(at->second);
    dependents_.erase(uid);
    for (const auto& each : orphans) {
        if (const auto* type = type_of_key(each.type_key)) end(*type, each.key);
    }
}

http::response core::remove(const route& to, const http::request& incoming) {
    const auto& type = *to.type;
    const object_store::object_key key{to.name_space, to.name};
    const auto present = objects_.find(type.key(), key);
    if (!present) return to_response(not_found(type.group, type.plural, to.name));
    const auto uid = meta(present->content, "uid");
    if (!incoming.body.empty()) {
        auto parsed = parse_object(incoming);
        if (const auto* why = std::get_if<refusal>(&parsed)) return to_response(*why);
        const auto& options = std::get<json::object>(parsed);
        const auto* conditions = options.if_contains("preconditions");
        const auto text = [&](std::string_view field) -> std::string {
            if (conditions == nullptr || !conditions->is_object()) return {};
            const auto* value = conditions->get_object().if_contains(field);
            return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
        };
        const bool other_uid = !text("uid").empty() && text("uid") != uid;
        const bool other_revision = !text("resourceVersion").empty() &&
                                    text("resourceVersion") != std::to_string(present->revision);
        if (other_uid || other_revision) {
            return to_response(conflict(
                type.group, type.plural, to.name,
                fmt::format("Precondition failed: UID in precondition: {}, UID in object meta: {}",
                            text("uid"), uid)));
        }
    }
    end(type, key);
    const auto left = objects_.find(type.key(), key);
    if (!left) return json_response(200, success(to.name, type.group, type.plural, uid));
    auto answer = json_response(200, std::string());
    answer.body = http::body(left->text);
    return answer;
}

http::response core::remove_all(const route& to, const query_map& query) {
    const auto wanted =
        selector::parse(value_of(query, "labelSelector"), value_of(query, "fieldSelector"));
    if (!wanted) return to_response(bad_request(wanted.error().text));
    std::vector<object_store::object_key> keys;
    for (const auto& [key, object] : objects_.all(to.type->key())) {
        if (!to.name_space.empty() && key.first != to.name_space) continue;
        if (wanted->matches(object->content)) keys.push_back(key);
    }
    for (const auto& key : keys) end(*to.type, key);
    return json_response(200, success("", to.type->group, to.type->plural, ""));
}

}  // namespace apiserver
