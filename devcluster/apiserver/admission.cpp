#include "devcluster/apiserver/admission.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/base64.hpp"
#include "base/time_text.hpp"
#include "devcluster/apiserver/text.hpp"

namespace apiserver {
namespace {

constexpr std::size_t annotation_bytes_max = 256 * 1024;

constexpr std::string_view subdomain_rule =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
constexpr std::string_view label_rule =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
constexpr std::string_view dns_1035_rule =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
    "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', "
    "regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";

cause invalid_value(std::string field, std::string_view value, std::string_view detail) {
    return {"FieldValueInvalid",
            fmt::format("Invalid value: {}: {}", json::serialize(json::string(value)), detail),
            std::move(field)};
}

void check_owners(const json::object& metadata, std::vector<cause>& causes) {
    const auto* owners = array_at(&metadata, "ownerReferences");
    if (owners == nullptr) return;
    static constexpr std::pair<const char*, const char*> members[] = {
        {"apiVersion", "version must not be empty"},
        {"kind", "must not be empty"},
        {"name", "must not be empty"},
        {"uid", "must not be empty"}};
    for (const auto& reference : *owners) {
        const auto* owner = reference.if_object();
        for (const auto& [member, why] : members) {
            if (owner != nullptr && !text_at(*owner, member).empty()) continue;
            causes.push_back(
                invalid_value(fmt::format("metadata.ownerReferences.{}", member), "", why));
        }
    }
}

std::vector<cause> check_metadata(const json::object& object) {
    std::vector<cause> causes;
    const auto* metadata = object_at(&object, "metadata");
    if (metadata == nullptr) return causes;
    for (const auto* map : {"labels", "annotations"}) {
        const auto* entries = object_at(metadata, map);
        if (entries == nullptr) continue;
        std::size_t size = 0;
        for (const auto& [key, value] : *entries) {
            size += key.size() + (value.is_string() ? value.get_string().size() : 0);
            const bool is_long = std::string_view(map) == "labels" && value.is_string() &&
                                 value.get_string().size() > 63;
            if (is_long) {
                causes.push_back(invalid_value(fmt::format("metadata.{}", map), value.get_string(),
                                               "must be no more than 63 bytes"));
            }
        }
        if (std::string_view(map) == "annotations" && size > annotation_bytes_max) {
            causes.push_back(
                {"FieldValueTooLong",
                 fmt::format("Too long: may not be more than {} bytes", annotation_bytes_max),
                 "metadata.annotations"});
        }
    }
    check_owners(*metadata, causes);
    return causes;
}

// Returns the path of a metadata member whose type a decoder would reject.
std::optional<std::string> undecodable(const json::object& object) {
    const auto* value = object.if_contains("metadata");
    if (value == nullptr) return std::nullopt;
    if (!value->is_object()) return "metadata";
    static constexpr std::string_view maps[] = {"labels", "annotations"};
    static constexpr std::string_view lists[] = {"finalizers", "ownerReferences"};
    const auto& metadata = value->get_object();
    for (const auto name : maps) {
        const auto* map = metadata.if_contains(name);
        if (map == nullptr || map->is_null()) continue;
        if (!map->is_object()) return fmt::format("metadata.{}", name);
        for (const auto& [key, member] : map->get_object()) {
            if (!member.is_string())
                return fmt::format("metadata.{}.{}", name, std::string_view(key));
        }
    }
    for (const auto name : lists) {
        const auto* list = metadata.if_contains(name);
        if (list != nullptr && !list->is_null() && !list->is_array()) {
            return fmt::format("metadata.{}", name);
        }
    }
    return std::nullopt;
}

std::optional<status_error> complete_secret(json::object& object) {
    if (const auto* plain = object_at(&object, "stringData")) {
        auto& data = object["data"];
        if (!data.is_object()) data.emplace_object();
        for (const auto& [key, value] : *plain) {
            if (value.is_string()) data.get_object()[key] = base::to_base64(value.get_string());
        }
    }
    object.erase("stringData");
    if (text_at(object, "type").empty()) object["type"] = "Opaque";
    const auto* data = object_at(&object, "data");
    if (data == nullptr) return std::nullopt;
    for (const auto& [key, value] : *data) {
        if (value.is_string() && base::from_base64(value.get_string())) continue;
        return bad_request(
            "Secret in version \"v1\" cannot be handled as a Secret: illegal base64 data");
    }
    return std::nullopt;
}

// Lease times have microseconds; kube-apiserver accepts no other format.
std::optional<status_error> check_lease(const json::object& object) {
    const auto* spec = object_at(&object, "spec");
    if (spec == nullptr) return std::nullopt;
    for (const auto* field : {"acquireTime", "renewTime"}) {
        const auto* value = spec->if_contains(field);
        if (value == nullptr || value->is_null()) continue;
        const auto text = text_at(*spec, field);
        const auto dot = text.find('.');
        const auto digits =
            dot == std::string::npos ? 0 : text.find_first_not_of("0123456789", dot + 1) - dot - 1;
        if (base::from_rfc3339(text) && digits == 6) continue;
        return bad_request(
            fmt::format("Lease in version \"v1\" cannot be handled as a Lease: parsing time \"{}\" "
                        "as \"2006-01-02T15:04:05.000000Z07:00\"",
                        text));
    }
    return std::nullopt;
}

status_error strict_error(const admission& context, std::string_view name,
                          const std::vector<std::string>& unknown) {
    std::string text;
    for (const auto& each : unknown) {
        text += fmt::format("{}unknown field \"{}\"", text.empty() ? "" : ", ", each);
    }
    if (context.is_patch) {
        return invalid(context.type.group, context.type.kind, name,
                       {{"FieldValueInvalid", "strict decoding error: " + text, "patch"}});
    }
    return bad_request(
        fmt::format("{0} in version \"{1}\" cannot be handled as a {0}: strict "
                    "decoding error: {2}",
                    context.type.kind, context.type.version, text));
}

// Prunes and completes the content of the object; the schema's rules for both exclude the header.
// Returns the paths of the pruned fields.
std::vector<std::string> complete_custom(const schema& rules, json::object& object) {
    json::object whole;
    for (const auto* key : {"apiVersion", "kind", "metadata"}) {
        const auto it = object.find(key);
        if (it == object.end()) continue;
        whole[key] = std::move(it->value());
        object.erase(it);
    }
    json::value content = std::move(object);
    auto unknown = rules.prune(content);
    rules.set_defaults(content);
    for (auto& [key, member] : content.get_object()) whole[key] = std::move(member);
    object = std::move(whole);
    return unknown;
}

std::optional<status_error> report_unknown(const admission& context, const json::object& object,
                                           const std::vector<std::string>& unknown,
                                           std::vector<std::string>& warnings) {
    if (unknown.empty() || context.field_validation == "Ignore") return std::nullopt;
    if (context.field_validation == "Strict") {
        return strict_error(context, meta(object, "name"), unknown);
    }
    for (const auto& each : unknown) warnings.push_back(fmt::format("unknown field \"{}\"", each));
    return std::nullopt;
}

std::vector<cause> validate_custom(const schema& rules, json::object& object) {
    json::value whole = std::move(object);
    auto causes = rules.validate(whole);
    object = std::move(whole.get_object());
    return causes;
}

std::vector<cause> check_name(const resource_type& type, std::string_view name) {
    if (name.empty()) {
        return {{"FieldValueRequired", "Required value: name or generateName is required",
                 "metadata.name"}};
    }
    const bool is_label_type = type.key() == namespaces_key;
    const bool is_service = type.key() == "/services";
    const bool fits = is_service      ? is_dns_1035(name)
                      : is_label_type ? is_label(name)
                                      : is_subdomain(name);
    if (fits) return {};
    return {invalid_value("metadata.name", name,
                          is_service      ? dns_1035_rule
                          : is_label_type ? label_rule
                                          : subdomain_rule)};
}

}  // namespace

std::optional<status_error> admit(const admission& context, json::object& object,
                                  std::vector<std::string>& warnings) {
    const auto validation = context.field_validation;
    const bool is_known = validation.empty() || validation == "Strict" || validation == "Warn" ||
                          validation == "Ignore";
    if (!is_known) {
        const auto* kind = context.is_patch ? "PatchOptions" : "CreateOptions";
        return invalid("meta.k8s.io", kind, "",
                       {{"FieldValueNotSupported",
                         fmt::format("Unsupported value: \"{}\": supported values: \"Ignore\", "
                                     "\"Warn\", \"Strict\"",
                                     validation),
                         "fieldValidation"}});
    }
    if (const auto field = undecodable(object)) {
        return bad_request(
            fmt::format("{0} in version \"{1}\" cannot be handled as a {0}: json: "
                        "cannot unmarshal {2}",
                        context.type.kind, context.type.version, *field));
    }
    if (context.type.key() == "/secrets") {
        if (auto error = complete_secret(object)) return error;
    }
    if (context.type.kind == "Lease" && !context.type.is_custom) {
        if (auto error = check_lease(object)) return error;
    }
    const auto* rules = context.type.rules.get();
    if (rules != nullptr) {
        const auto unknown = complete_custom(*rules, object);
        if (auto error = report_unknown(context, object, unknown, warnings)) return error;
    }
    const auto name = meta(object, "name");
    auto causes = check_name(context.type, name);
    std::ranges::move(check_metadata(object), std::back_inserter(causes));
    if (context.type.key() == definitions_key) {
        std::ranges::move(type_table::check_definition(object), std::back_inserter(causes));
    }
    if (rules != nullptr) {
        std::ranges::move(validate_custom(*rules, object), std::back_inserter(causes));
    }
    if (causes.empty()) return std::nullopt;
    return invalid(context.type.group, context.type.kind, name, causes);
}

}  // namespace apiserver
