#include "devcluster/controller/objects.hpp"

#include <boost/json/array.hpp>

#include "base/quantity.hpp"

namespace controller {
namespace {

const json::object& inner(const json::object& from, std::string_view key) {
    static const json::object none;
    const auto* value = from.if_contains(key);
    return value == nullptr || !value->is_object() ? none : value->get_object();
}
std::string text(const json::object& from, std::string_view key) {
    const auto* value = from.if_contains(key);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}
bool flag(const json::object& from, std::string_view key) {
    const auto* value = from.if_contains(key);
    return value != nullptr && value->is_bool() && value->get_bool();
}

json::object object_of(const wanted_database& of, std::string_view api_version,
                       std::string_view kind, const std::string& name) {
    return {{"apiVersion", api_version},
            {"kind", kind},
            {"metadata",
             {{"name", name},
              {"namespace", of.name_space},
              {"labels", labels_of(of)},
              {"ownerReferences", json::array{json::object{{"apiVersion", "kubedb.com/v1"},
                                                           {"kind", of.kind},
                                                           {"name", of.name},
                                                           {"uid", of.uid},
                                                           {"controller", true}}}}}}};
}

}  // namespace

wanted_database read_database(const std::string& engine, const std::string& plural,
                              const json::object& object) {
    const auto& metadata = inner(object, "metadata");
    const auto& spec = inner(object, "spec");
    wanted_database read{.engine = engine,
                         .kind = text(object, "kind"),
                         .plural = plural,
                         .name_space = text(metadata, "namespace"),
                         .name = text(metadata, "name"),
                         .uid = text(metadata, "uid"),
                         .version = text(spec, "version"),
                         .deletion_policy = text(spec, "deletionPolicy"),
                         .auth_secret = text(inner(spec, "authSecret"), "name"),
                         .is_halted = flag(spec, "halted"),
                         .is_deleting = metadata.contains("deletionTimestamp"),
                         .has_monitor = spec.contains("monitor")};
    if (read.auth_secret.empty()) read.auth_secret = read.name + "-auth";
    const auto* replicas = spec.if_contains("replicas");
    if (replicas != nullptr && replicas->is_int64()) {
        read.replicas = static_cast<int>(replicas->get_int64());
    }
    const auto* finalizers = metadata.if_contains("finalizers");
    if (finalizers != nullptr && finalizers->is_array()) {
        for (const auto& each : finalizers->get_array()) {
            read.has_finalizer = read.has_finalizer || each == "kubedb.com";
        }
    }
    const auto& pod = inner(inner(spec, "podTemplate"), "spec");
    const auto* containers = pod.if_contains("containers");
    if (containers != nullptr && containers->is_array()) {
        for (const auto& each : containers->get_array()) {
            if (!each.is_object()) continue;
            const auto& requests = inner(inner(each.get_object(), "resources"), "requests");
            read.memory_bytes = base::parse_bytes(text(requests, "memory")).value_or(0);
            break;
        }
    }
    const auto size =
        text(inner(inner(inner(spec, "storage"), "resources"), "requests"), "storage");
    if (!size.empty()) read.storage = size;
    return read;
}

json::object labels_of(const wanted_database& of) {
    return {{"app.kubernetes.io/name", of.plural + ".kubedb.com"},
            {"app.kubernetes.io/instance", of.name},
            {"app.kubernetes.io/managed-by", "kubedb.com"},
            {"app.kubernetes.io/component", "database"}};
}

std::string member_name(const wanted_database& of, int ordinal) {
    return of.name + "-" + std::to_string(ordinal);
}

json::object secret_object(const wanted_database& of, const std::string& user,
                           const std::string& password) {
    auto made = object_of(of, "v1", "Secret", of.auth_secret);
    made["type"] = "kubernetes.io/basic-auth";
    made["stringData"] = json::object{{"username", user}, {"password", password}};
    return made;
}

json::object claim_object(const wanted_database& of, int ordinal) {
    auto made = object_of(of, "v1", "PersistentVolumeClaim", "data-" + member_name(of, ordinal));
    made["spec"] = json::object{{"accessModes", json::array{"ReadWriteOnce"}},
                                {"storageClassName", "local"},
                                {"resources", {{"requests", {{"storage", of.storage}}}}}};
    return made;
}

json::object pod_object(const wanted_database& of, int ordinal) {
    auto made = object_of(of, "v1", "Pod", member_name(of, ordinal));
    made["metadata"].get_object()["labels"].get_object()["kubedb.com/role"] =
        ordinal == 0 ? "primary" : "standby";
    made["spec"] = json::object{
        {"containers", json::array{json::object{{"name", of.engine}, {"image", "process"}}}}};
    return made;
}

json::object service_object(const wanted_database& of, const std::string& suffix, int port,
                            const std::string& port_name) {
    auto made = object_of(of, "v1", "Service", of.name + suffix);
    if (suffix == "-stats") {
        made["metadata"].get_object()["labels"].get_object()["kubedb.com/role"] = "stats";
    }
    // No selector: this operator writes the Endpoints itself.
    made["spec"] =
        json::object{{"type", "ClusterIP"},
                     {"clusterIP", "None"},
                     {"ports", json::array{json::object{{"name", port_name}, {"port", port}}}}};
    return made;
}

json::object endpoints_object(const wanted_database& of, const std::string& suffix,
                              const std::vector<endpoint_address>& addresses,
                              const std::string& port_name) {
    auto made = object_of(of, "v1", "Endpoints", of.name + suffix);
    json::array subsets;
    for (const auto& each : addresses) {
        subsets.push_back(json::object{
            {"addresses",
             json::array{json::object{
                 {"ip", "127.0.0.1"},
                 {"targetRef",
                  {{"kind", "Pod"}, {"name", each.pod}, {"namespace", of.name_space}}}}}},
            {"ports", json::array{json::object{{"name", port_name}, {"port", each.port}}}}});
    }
    made["subsets"] = std::move(subsets);
    return made;
}

json::object binding_object(const wanted_database& of, const std::string& url) {
    auto made = object_of(of, "appcatalog.appscode.com/v1alpha1", "AppBinding", of.name);
    made["spec"] = json::object{{"type", "kubedb.com/" + of.engine},
                                {"version", of.version},
                                {"appRef",
                                 {{"apiGroup", "kubedb.com"},
                                  {"kind", of.kind},
                                  {"name", of.name},
                                  {"namespace", of.name_space}}},
                                {"clientConfig", {{"url", url}}},
                                {"secret", {{"name", of.auth_secret}}}};
    return made;
}

json::object condition(const std::string& type, bool is_true, const std::string& reason,
                       const std::string& message, const std::string& when) {
    return {{"type", type},
            {"status", is_true ? "True" : "False"},
            {"reason", reason},
            {"message", message},
            {"lastTransitionTime", when}};
}

}  // namespace controller
