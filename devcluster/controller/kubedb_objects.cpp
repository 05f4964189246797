#include "devcluster/controller/kubedb_objects.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>

#include "base/ascii.hpp"
#include "base/base64.hpp"
#include "base/quantity.hpp"
#include "devcluster/controller/database_health.hpp"
#include "json/json.hpp"
#include "json/json_access.hpp"

namespace controller {
namespace {

using json::array_or_empty;
using json::flag_at;
using json::object_or_empty;
using json::quantity_at;
using json::text_at;

std::string text(const json::object& object, std::string_view key) {
    return std::string(text_at(object, key));
}

json::object named_object(const wanted_database& wanted, std::string_view api_version,
                          std::string_view kind, const std::string& name) {
    return {
        {"apiVersion", api_version},
        {"kind", kind},
        {"metadata", {{"name", name}, {"namespace", wanted.ns}, {"labels", labels_of(wanted)}}}};
}

// An object with an owner reference to its database.
json::object owned_object(const wanted_database& wanted, std::string_view api_version,
                          std::string_view kind, const std::string& name) {
    auto object = named_object(wanted, api_version, kind, name);
    object["metadata"].get_object()["ownerReferences"] =
        json::array{json::object{{"apiVersion", "kubedb.com/v1"},
                                 {"kind", wanted.kind},
                                 {"name", wanted.name},
                                 {"uid", wanted.uid},
                                 {"controller", true}}};
    return object;
}

std::int64_t memory_of(const json::object& pod, std::string_view component) {
    for (const auto& each : array_or_empty(pod, "containers")) {
        if (!each.is_object() || text_at(each.get_object(), "name") != component) continue;
        const auto& resources = object_or_empty(each.get_object(), "resources");
        for (const auto* kind : {"limits", "requests"}) {
            const auto bytes =
                base::parse_bytes(quantity_at(object_or_empty(resources, kind), "memory"));
            if (bytes && *bytes > 0) return *bytes;
        }
    }
    return 0;
}

bool is_provisioned(const json::object& status) {
    return std::ranges::any_of(array_or_empty(status, "conditions"), [](const json::value& each) {
        return each.is_object() && text_at(each.get_object(), "type") == "Provisioned" &&
               text_at(each.get_object(), "status") == "True";
    });
}

}  // namespace

wanted_database read_database(const engine_kind& kind, const json::object& object) {
    const auto& metadata = object_or_empty(object, "metadata");
    const auto& spec = object_or_empty(object, "spec");
    const auto& auth = object_or_empty(spec, "authSecret");
    wanted_database read{.engine = std::string(kind.engine),
                         .kind = std::string(kind.kind),
                         .plural = std::string(kind.plural),
                         .ns = text(metadata, "namespace"),
                         .name = text(metadata, "name"),
                         .uid = text(metadata, "uid"),
                         .version = text(spec, "version"),
                         .mode = text(spec, "mode"),
                         .deletion_policy = text(spec, "deletionPolicy"),
                         .auth_secret = text(auth, "name"),
                         .first_role = std::string(kind.first_role),
                         .follower_role = std::string(kind.follower_role),
                         .generation = json::number_at(metadata, "generation").value_or(0),
                         .is_auth_external = flag_at(auth, "externallyManaged"),
                         .is_halted = flag_at(spec, "halted"),
                         .is_deleting = metadata.contains("deletionTimestamp"),
                         .has_monitor = spec.contains("monitor"),
                         .was_provisioned = is_provisioned(object_or_empty(object, "status"))};
    if (read.deletion_policy.empty()) read.deletion_policy = "Delete";
    if (read.auth_secret.empty()) read.auth_secret = read.name + "-auth";
    constexpr std::int64_t replicas_max = 32;
    read.replicas = static_cast<int>(
        std::clamp<std::int64_t>(json::number_at(spec, "replicas").value_or(1), 1, replicas_max));
    read.has_finalizer =
        std::ranges::any_of(array_or_empty(metadata, "finalizers"),
                            [](const json::value& each) { return each == json::value(finalizer); });
    read.memory_bytes =
        memory_of(object_or_empty(object_or_empty(spec, "podTemplate"), "spec"), kind.component);
    const auto size = quantity_at(
        object_or_empty(object_or_empty(object_or_empty(spec, "storage"), "resources"), "requests"),
        "storage");
    if (!size.empty()) read.storage = size;
    return read;
}

std::string rejection_of(const wanted_database& wanted, bool has_runtime) {
    if (!has_runtime) {
        return fmt::format("there is no runtime for {} here: this operator stands in for KubeDB's",
                           wanted.kind);
    }
    if (wanted.engine == "redis" && wanted.mode == "Cluster") {
        return "a Redis Cluster cannot run here: only single servers and servers with replicas";
    }
    return {};
}

json::array without_finalizer(const json::object& object) {
    json::array others;
    for (const auto& each : array_or_empty(object_or_empty(object, "metadata"), "finalizers")) {
        if (each != json::value(finalizer)) others.push_back(each);
    }
    return others;
}

json::array with_finalizer(const json::object& object) {
    auto all = without_finalizer(object);
    all.push_back(json::value(finalizer));
    return all;
}

json::object labels_of(const wanted_database& wanted) {
    return {{"app.kubernetes.io/name", wanted.plural + ".kubedb.com"},
            {"app.kubernetes.io/instance", wanted.name},
            {"app.kubernetes.io/managed-by", "kubedb.com"},
            {"app.kubernetes.io/component", "database"}};
}

std::string selector_of(const wanted_database& wanted) {
    return fmt::format(
        "app.kubernetes.io/name={}.kubedb.com,app.kubernetes.io/instance={},"
        "app.kubernetes.io/managed-by=kubedb.com",
        wanted.plural, wanted.name);
}

std::string member_name(const wanted_database& wanted, int ordinal) {
    return fmt::format("{}-{}", wanted.name, ordinal);
}

std::string claim_name(const wanted_database& wanted, int ordinal) {
    return fmt::format("data-{}", member_name(wanted, ordinal));
}

std::optional<int> ordinal_in(const wanted_database& wanted, std::string_view name) {
    const auto digits = name.substr(name.rfind('-') + 1);
    int ordinal = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), ordinal);
    if (name != member_name(wanted, ordinal) && name != claim_name(wanted, ordinal))
        return std::nullopt;
    return ordinal;
}

// Secrets and claims have no owner reference: the deletion policy decides about them.
json::object secret_object(const wanted_database& wanted, const std::string& user,
                           const std::string& password) {
    auto object = named_object(wanted, "v1", "Secret", wanted.auth_secret);
    if (wanted.engine == "memcached") {
        object["type"] = "Opaque";
        object["stringData"] = json::object{{"authData", user + ":" + password + "\n"}};
    } else {
        object["type"] = "kubernetes.io/basic-auth";
        object["stringData"] = json::object{{"username", user}, {"password", password}};
    }
    return object;
}

std::string password_in(const json::object& secret) {
    const auto& data = object_or_empty(secret, "data");
    auto password = base::from_base64(text_at(data, "password")).value_or("");
    if (!password.empty()) return password;
    const auto lines = base::from_base64(text_at(data, "authData")).value_or("");
    const auto line = lines.substr(0, lines.find('\n'));
    const auto colon = line.find(':');
    return colon == std::string::npos ? "" : line.substr(colon + 1);
}

bool owns_secret(const wanted_database& wanted, const json::object& secret) {
    const auto& labels = object_or_empty(object_or_empty(secret, "metadata"), "labels");
    return text_at(labels, "app.kubernetes.io/managed-by") == "kubedb.com" &&
           text_at(labels, "app.kubernetes.io/instance") == wanted.name &&
           text_at(labels, "app.kubernetes.io/name") == wanted.plural + ".kubedb.com";
}

json::object claim_object(const wanted_database& wanted, int ordinal) {
    auto object = named_object(wanted, "v1", "PersistentVolumeClaim", claim_name(wanted, ordinal));
    object["spec"] = json::object{{"accessModes", json::array{"ReadWriteOnce"}},
                                  {"storageClassName", "local"},
                                  {"resources", {{"requests", {{"storage", wanted.storage}}}}}};
    return object;
}

json::object pod_object(const wanted_database& wanted, int ordinal) {
    auto object = owned_object(wanted, "v1", "Pod", member_name(wanted, ordinal));
    object["metadata"].get_object()["labels"].get_object()["kubedb.com/role"] =
        ordinal == 0 ? wanted.first_role : wanted.follower_role;
    object["spec"] = json::object{
        {"nodeName", "local"},
        {"containers", json::array{json::object{{"name", wanted.engine}, {"image", "process"}}}}};
    return object;
}

json::object set_object(const wanted_database& wanted) {
    auto object = owned_object(wanted, "apps.k8s.appscode.com/v1", "PetSet", wanted.name);
    auto labels = labels_of(wanted);
    labels.erase("app.kubernetes.io/component");
    object["spec"] = json::object{{"replicas", wanted.replicas},
                                  {"serviceName", wanted.name + "-pods"},
                                  {"template", {{"spec", {{"containers", json::array{}}}}}},
                                  {"selector", {{"matchLabels", std::move(labels)}}}};
    return object;
}

json::object service_object(const wanted_database& wanted, const std::string& suffix, int port,
                            const std::string& port_name) {
    auto object = owned_object(wanted, "v1", "Service", wanted.name + suffix);
    if (suffix == "-stats") {
        object["metadata"].get_object()["labels"].get_object()["kubedb.com/role"] = "stats";
    }
    // No selector: this operator writes the Endpoints itself.
    object["spec"] =
        json::object{{"type", "ClusterIP"},
                     {"clusterIP", "None"},
                     {"ports", json::array{json::object{{"name", port_name}, {"port", port}}}}};
    return object;
}

std::string pod_address(const wanted_database& wanted, const std::string& pod, bool is_synthetic) {
    if (!is_synthetic) return "127.0.0.1";
    // Excludes the ends of the range. Pods with equal addresses differ by their ports.
    const auto number = std::hash<std::string>{}(wanted.ns + "/" + pod) % 131'000 + 10;
    return fmt::format("198.{}.{}.{}", 18 + number / 65536, number / 256 % 256, number % 256);
}

json::object endpoints_object(const wanted_database& wanted, const std::string& suffix,
                              const std::vector<endpoint_address>& addresses,
                              const std::string& port_name) {
    auto object = owned_object(wanted, "v1", "Endpoints", wanted.name + suffix);
    json::array subsets;
    for (const auto& each : addresses) {
        subsets.push_back(json::object{
            {"addresses",
             json::array{json::object{
                 {"ip", each.ip},
                 {"targetRef", {{"kind", "Pod"}, {"name", each.pod}, {"namespace", wanted.ns}}}}}},
            {"ports", json::array{json::object{{"name", port_name}, {"port", each.port}}}}});
    }
    object["subsets"] = std::move(subsets);
    return object;
}

json::object binding_object(const wanted_database& wanted, const std::string& url) {
    auto object =
        owned_object(wanted, "appcatalog.appscode.com/v1alpha1", "AppBinding", wanted.name);
    object["spec"] = json::object{{"type", "kubedb.com/" + wanted.engine},
                                  {"version", wanted.version},
                                  {"appRef",
                                   {{"apiGroup", "kubedb.com"},
                                    {"kind", wanted.kind},
                                    {"name", wanted.name},
                                    {"namespace", wanted.ns}}},
                                  {"clientConfig", {{"url", url}}},
                                  {"secret", {{"name", wanted.auth_secret}}}};
    return object;
}

json::object event_object(const wanted_database& about, const event_text& event, int count,
                          const std::string& now) {
    const auto word = base::lower(event.reason);
    json::object object{
        {"apiVersion", "v1"},
        {"kind", "Event"},
        {"metadata",
         {{"name", fmt::format("{}.{}.{}", about.name, about.uid.substr(0, 8), word)},
          {"namespace", about.ns}}},
        {"type", event.type},
        {"reason", event.reason},
        {"message", event.message},
        {"count", count},
        {"lastTimestamp", now},
        {"source", {{"component", "local-operator"}}},
        {"involvedObject",
         {{"apiVersion", "kubedb.com/v1"},
          {"kind", about.kind},
          {"namespace", about.ns},
          {"name", about.name},
          {"uid", about.uid}}}};
    if (count == 1) object["firstTimestamp"] = now;
    return object;
}

json::object pod_status(const wanted_database& wanted, bool is_ready, int restarts,
                        const std::string& not_ready_reason, const std::string& now,
                        const std::string& ip) {
    json::object state{{"running", json::object{}}};
    if (!is_ready) state = {{"waiting", {{"reason", "NotReady"}, {"message", not_ready_reason}}}};
    return {
        {"phase", is_ready ? "Running" : "Pending"},
        {"podIP", ip},
        {"podIPs", json::array{json::object{{"ip", ip}}}},
        {"conditions", json::array{condition("Ready", is_ready, is_ready ? "Running" : "NotRunning",
                                             not_ready_reason, now)}},
        {"containerStatuses", json::array{json::object{{"name", wanted.engine},
                                                       {"image", "process"},
                                                       {"imageID", ""},
                                                       {"ready", is_ready},
                                                       {"restartCount", restarts},
                                                       {"state", std::move(state)}}}}};
}

}  // namespace controller
