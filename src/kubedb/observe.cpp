#include "kubedb/observe.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/time_text.hpp"
#include "json/json.hpp"
#include "json/json_access.hpp"
#include "kubedb/app_binding.hpp"
#include "kubedb/engines/node_spec.hpp"
#include "kubedb/names.hpp"

namespace kubedb {
namespace {

using domain::observed_phase;
using json::array_or_empty;
using json::flag_at;
using json::number_at;
using json::object_or_empty;
using json::text_at;

observed_phase phase_of(std::string_view text) {
    constexpr std::array table{
        std::pair{std::string_view("Provisioning"), observed_phase::provisioning},
        std::pair{std::string_view("DataRestoring"), observed_phase::restoring},
        std::pair{std::string_view("Ready"), observed_phase::ready},
        std::pair{std::string_view("Critical"), observed_phase::critical},
        std::pair{std::string_view("NotReady"), observed_phase::not_ready},
        std::pair{std::string_view("Halted"), observed_phase::halted},
        std::pair{std::string_view("Unknown"), observed_phase::unknown},
    };
    for (const auto& [word, phase] : table) {
        if (word == text) return phase;
    }
    return observed_phase::none;
}

// Returns whether a list like "a,b" contains the key.
bool has_key(std::string_view list, std::string_view key) {
    while (!list.empty()) {
        const auto end = std::min(list.find(','), list.size());
        if (list.substr(0, end) == key) return true;
        list.remove_prefix(std::min(end + 1, list.size()));
    }
    return false;
}

// Returns the labels on an object that were written for the user. Policies and tools may add
// others. They must not count as a difference, or the platform would delete them again and again.
// An object without the annotation has no list of keys: then every label may be the user's.
domain::labels user_labels(const json::object& metadata) {
    domain::labels labels;
    const auto& annotations = object_or_empty(metadata, "annotations");
    const bool has_keys = annotations.contains(annotation_labels);
    const auto keys = text_at(annotations, annotation_labels);
    for (const auto& [key, value] : object_or_empty(metadata, "labels")) {
        if (!value.is_string() || !is_user_label(key)) continue;
        if (has_keys && !has_key(keys, key)) continue;
        labels.emplace(std::string(key), std::string(value.get_string()));
    }
    return labels;
}

std::vector<domain::condition> conditions_of(const json::object& status) {
    std::vector<domain::condition> result;
    for (const auto& each : array_or_empty(status, "conditions")) {
        if (!each.is_object()) continue;
        const auto& condition = each.get_object();
        result.push_back(
            {.type = std::string(text_at(condition, "type")),
             .status = text_at(condition, "status") == "True",
             .reason = std::string(text_at(condition, "reason")),
             .message = std::string(text_at(condition, "message")),
             .last_transition = base::from_rfc3339(text_at(condition, "lastTransitionTime"))});
    }
    return result;
}

}  // namespace

domain::observed_database observe_database(const engine_dialect& dialect,
                                           const json::object& object) {
    const auto& metadata = object_or_empty(object, "metadata");
    const auto& spec = object_or_empty(object, "spec");
    const auto& status = object_or_empty(object, "status");
    domain::observed_database seen{.exists = true};
    seen.deleting = metadata.contains("deletionTimestamp");
    seen.uid = text_at(metadata, "uid");
    seen.owner_database_id = text_at(object_or_empty(metadata, "labels"), label_database);
    seen.labels = user_labels(metadata);
    seen.phase = phase_of(text_at(status, "phase"));
    seen.version = text_at(spec, "version");
    seen.topology = dialect.read_topology(spec);
    seen.paused = flag_at(spec, "halted");
    seen.conditions = conditions_of(status);
    return seen;
}

domain::observed_change observe_change(const json::object& request) {
    using domain::change_kind;
    using domain::change_phase;
    const auto& metadata = object_or_empty(request, "metadata");
    const auto& spec = object_or_empty(request, "spec");
    const auto& status = object_or_empty(request, "status");
    domain::observed_change seen;
    seen.name = text_at(metadata, "name");
    const auto type = text_at(spec, "type");
    if (type == "VerticalScaling") {
        seen.kind = change_kind::vertical_scaling;
    } else if (type == "HorizontalScaling") {
        seen.kind = change_kind::horizontal_scaling;
    } else if (type == "VolumeExpansion") {
        seen.kind = change_kind::volume_expansion;
    } else {
        seen.known_kind = type == "Restart";
    }
    const auto phase = text_at(status, "phase");
    if (phase == "Progressing" || phase == "Approved") {
        seen.phase = change_phase::progressing;
    } else if (phase == "Successful") {
        seen.phase = change_phase::successful;
    } else if (phase == "Failed") {
        seen.phase = change_phase::failed;
    } else if (phase == "Skipped") {
        seen.phase = change_phase::skipped;
    } else if (phase == "Denied") {
        seen.phase = change_phase::denied;
    }
    seen.operation_id = text_at(object_or_empty(metadata, "labels"), label_operation);
    const auto conditions = conditions_of(status);
    if (!conditions.empty()) {
        seen.reason = conditions.back().reason;
        seen.message = conditions.back().message;
    }
    seen.created_at = base::from_rfc3339(text_at(metadata, "creationTimestamp"));
    return seen;
}

domain::member observe_pod(const json::object& pod) {
    const auto& metadata = object_or_empty(pod, "metadata");
    const auto& status = object_or_empty(pod, "status");
    domain::member seen;
    seen.name = text_at(metadata, "name");
    seen.role = text_at(object_or_empty(metadata, "labels"), "kubedb.com/role");
    for (const auto& each : array_or_empty(status, "conditions")) {
        if (each.is_object() && text_at(each.get_object(), "type") == "Ready") {
            seen.ready = text_at(each.get_object(), "status") == "True";
        }
    }
    for (const auto& each : array_or_empty(status, "containerStatuses")) {
        if (each.is_object())
            seen.restarts += small_number_at(each.get_object(), "restartCount", 0);
    }
    return seen;
}

object_reference involved_object(const json::object& event) {
    const auto& object = object_or_empty(event, "involvedObject");
    return {.kind = std::string(text_at(object, "kind")),
            .ns = std::string(text_at(object, "namespace")),
            .name = std::string(text_at(object, "name"))};
}

domain::event observe_event(const json::object& event) {
    const auto target = involved_object(event);
    const auto& series = object_or_empty(event, "series");
    // Writers of events.k8s.io set eventTime and count in the series. The others set the first and
    // last time.
    std::optional<base::instant> first;
    std::optional<base::instant> last;
    for (const auto text : {text_at(event, "firstTimestamp"), text_at(event, "lastTimestamp"),
                            text_at(event, "eventTime"), text_at(series, "lastObservedTime"),
                            text_at(object_or_empty(event, "metadata"), "creationTimestamp")}) {
        const auto time = base::from_rfc3339(text);
        // Some writers send the zero time, which is in the year 1, for a time that they do not set.
        if (!time || *time < base::instant()) continue;
        first = first ? std::min(*first, *time) : *time;
        last = last ? std::max(*last, *time) : *time;
    }
    return {.type = std::string(text_at(event, "type")),
            .reason = std::string(text_at(event, "reason")),
            .message = std::string(text_at(event, "message")),
            .object = target.kind + "/" + target.name,
            .count = std::max(
                {1, small_number_at(event, "count", 1), small_number_at(series, "count", 1)}),
            .first_seen = first,
            .last_seen = last};
}

std::vector<domain::endpoint> observe_endpoints(const engine_kind& kind,
                                                const json::object& binding) {
    const auto read = read_app_binding(kind, binding);
    if (!read) return {};
    // Clients of several servers find the primary themselves.
    const auto* purpose = read->servers.size() == 1 ? "primary" : "member";
    std::vector<domain::endpoint> endpoints;
    for (const auto& [host, port] : read->servers) {
        endpoints.push_back({.purpose = purpose, .host = host, .port = port});
    }
    return endpoints;
}

std::uint16_t metrics_port(const json::object& service) {
    const auto& spec = object_or_empty(service, "spec");
    for (const auto& each : array_or_empty(spec, "ports")) {
        if (!each.is_object() || text_at(each.get_object(), "name") != "metrics") continue;
        auto port = number_at(each.get_object(), "port");
        // The name of a headless service resolves to the addresses of its pods.
        if (text_at(spec, "clusterIP") == "None") {
            const auto target = number_at(each.get_object(), "targetPort");
            if (target) port = target;
        }
        if (port && *port > 0 && *port <= 65535) return static_cast<std::uint16_t>(*port);
    }
    return 0;
}

ports::engine_version observe_version(const json::object& version) {
    const auto& spec = object_or_empty(version, "spec");
    return {.name = std::string(text_at(object_or_empty(version, "metadata"), "name")),
            .version = std::string(text_at(spec, "version")),
            .deprecated = flag_at(spec, "deprecated"),
            .distribution = std::string(text_at(spec, "distribution"))};
}

bool is_newer(const ports::engine_version& a, const ports::engine_version& b) {
    const auto numbers = [](const std::string& text) {
        std::vector<int> parts;
        const char* position = text.data();
        const char* const end = position + text.size();
        while (position < end) {
            int value = 0;
            const auto [next, error] = std::from_chars(position, end, value);
            if (error == std::errc()) parts.push_back(value);
            position = error == std::errc() ? next : position + 1;
        }
        return parts;
    };
    const auto left = numbers(a.version);
    const auto right = numbers(b.version);
    return left != right ? right < left : a.name < b.name;
}

}  // namespace kubedb
