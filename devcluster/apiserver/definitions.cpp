#include "devcluster/apiserver/definitions.hpp"

#include <string>
#include <string_view>

#include "devcluster/apiserver/text.hpp"

namespace apiserver {
namespace {

// ---- schema words ----------------------------------------------------------------------

json::object typed(std::string_view type) {
    return {{"type", type}};
}
json::object text() {
    return typed("string");
}
json::object integer(int least = 0) {
    return {{"type", "integer"}, {"format", "int32"}, {"minimum", least}};
}
json::object boolean() {
    return typed("boolean");
}
json::object one_of(std::initializer_list<std::string_view> words) {
    json::array list;
    for (const auto word : words) list.push_back(json::string(word));
    return {{"type", "string"}, {"enum", std::move(list)}};
}
json::object preset(json::object schema, json::value value) {
    schema["default"] = std::move(value);
    return schema;
}
json::object any() {
    return {{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}};
}
json::object object(json::object properties,
                    std::initializer_list<std::string_view> required = {}) {
    json::object result{{"type", "object"}, {"properties", std::move(properties)}};
    if (required.size() > 0) {
        json::array list;
        for (const auto word : required) list.push_back(json::string(word));
        result["required"] = std::move(list);
    }
    return result;
}
json::object list_of(json::object items) {
    return {{"type", "array"}, {"items", std::move(items)}};
}
json::object map_of(json::object values) {
    return {{"type", "object"}, {"additionalProperties", std::move(values)}};
}

// ---- parts that kinds share --------------------------------------------------------------

json::object quantity() {
    return {{"x-kubernetes-int-or-string", true}};
}
json::object resources() {
    return object({{"limits", map_of(quantity())}, {"requests", map_of(quantity())}});
}
json::object volume_claim() {
    return object({{"accessModes", list_of(text())},
                   {"storageClassName", text()},
                   {"resources", resources()}});
}
json::object pod_template() {
    return object(
        {{"metadata", any()},
         {"controller", any()},
         {"spec",
          object({{"containers",
                   list_of(object({{"name", text()}, {"resources", resources()}, {"env", any()}},
                                  {"name"}))},
                  {"nodeSelector", map_of(text())},
                  {"serviceAccountName", text()}})}});
}
json::object conditions() {
    return list_of(object({{"type", text()},
                           {"status", text()},
                           {"reason", text()},
                           {"message", text()},
                           {"severity", text()},
                           {"observedGeneration", typed("integer")},
                           {"lastTransitionTime", text()}},
                          {"type", "status"}));
}

json::object database_spec(json::object own) {
    json::object properties{
        {"version", text()},
        {"storageType", one_of({"Durable", "Ephemeral"})},
        {"storage", volume_claim()},
        {"podTemplate", pod_template()},
        {"authSecret",
         object({{"name", text()}, {"kind", text()}, {"externallyManaged", boolean()}})},
        {"monitor", object({{"agent", one_of({"prometheus.io", "prometheus.io/builtin",
                                              "prometheus.io/operator"})},
                            {"prometheus", any()}})},
        {"deletionPolicy", one_of({"Halt", "Delete", "WipeOut", "DoNotTerminate"})},
        {"halted", boolean()},
        {"serviceTemplates", {{"type", "array"}, {"items", any()}}},
        {"healthChecker", preset(object({{"failureThreshold", preset(integer(), 1)},
                                         {"periodSeconds", preset(integer(), 10)},
                                         {"timeoutSeconds", preset(integer(), 10)},
                                         {"disableWriteCheck", boolean()}}),
                                 json::object{})}};
    for (auto& [key, value] : own) properties[key] = std::move(value);
    return object(std::move(properties), {"version"});
}

json::object with_status(json::object spec, json::object phase) {
    return object({{"spec", std::move(spec)},
                   {"status", object({{"phase", std::move(phase)},
                                      {"observedGeneration", typed("integer")},
                                      {"conditions", conditions()}})}},
                  {"spec"});
}

json::object database_phase() {
    return one_of(
        {"Provisioning", "DataRestoring", "Ready", "Critical", "NotReady", "Halted", "Unknown"});
}

json::object definition(std::string_view group, std::string_view version, std::string_view plural,
                        std::string_view kind, bool namespaced, bool has_status,
                        json::object schema) {
    json::object served{{"name", version},
                        {"served", true},
                        {"storage", true},
                        {"schema", {{"openAPIV3Schema", std::move(schema)}}}};
    if (has_status) served["subresources"] = {{"status", json::object{}}};
    return {{"metadata", {{"name", std::string(plural) + "." + std::string(group)}}},
            {"spec",
             {{"group", group},
              {"names", {{"kind", kind}, {"plural", plural}, {"singular", lower(kind)}}},
              {"scope", namespaced ? "Namespaced" : "Cluster"},
              {"versions", json::array{std::move(served)}}}}};
}

// ---- OpsRequests ---------------------------------------------------------------------------

json::object ops_schema(json::object vertical, json::object horizontal, json::object volume) {
    volume["mode"] = one_of({"Online", "Offline"});
    vertical["mode"] = one_of({"Restart", "InPlace"});
    return with_status(object({{"type", text()},
                               {"databaseRef", object({{"name", text()}})},
                               {"apply", preset(one_of({"IfReady", "Always"}), "IfReady")},
                               {"timeout", text()},
                               {"maxRetries", preset(integer(), 1)},
                               {"restart", any()},
                               {"verticalScaling", object(std::move(vertical))},
                               {"horizontalScaling", object(std::move(horizontal))},
                               {"volumeExpansion", object(std::move(volume), {"mode"})}},
                              {"databaseRef", "type"}),
                       one_of({"Pending", "Progressing", "Successful", "Failed", "Skipped",
                               "WaitingForApproval", "Approved", "Denied"}));
}

json::object component() {
    return object({{"resources", resources()}});
}

struct database_kind {
    std::string_view kind;
    std::string_view plural;
    json::object spec;
    json::object vertical;
    json::object horizontal;
    json::object volume;
};

std::vector<database_kind> database_kinds() {
    return {
        {"Postgres",
         "postgreses",
         {{"replicas", integer(1)},
          {"standbyMode", one_of({"Hot", "Warm"})},
          {"streamingMode", one_of({"Synchronous", "Asynchronous"})}},
         {{"postgres", component()}, {"coordinator", component()}},
         {{"replicas", integer(1)},
          {"standbyMode", preset(one_of({"Hot", "Warm"}), "Hot")},
          {"streamingMode", preset(one_of({"Synchronous", "Asynchronous"}), "Asynchronous")}},
         {{"postgres", quantity()}}},
        {"MySQL",
         "mysqls",
         {{"replicas", integer(1)},
          {"topology", object({{"mode", one_of({"GroupReplication", "InnoDBCluster",
                                                "RemoteReplica", "SemiSync"})},
                               {"group", any()},
                               {"semiSync", any()}})}},
         {{"mysql", component()}},
         {{"member", integer(1)}},
         {{"mysql", quantity()}}},
        {"MariaDB",
         "mariadbs",
         {{"replicas", integer(1)},
          {"wsrepSSTMethod", text()},
          {"topology", object({{"mode", one_of({"GaleraCluster", "MariaDBReplication"})},
                               {"maxscale", any()}})}},
         {{"mariadb", component()}},
         {{"member", integer(1)}},
         {{"mariadb", quantity()}}},
        {"MongoDB",
         "mongodbs",
         {{"replicas", integer(1)},
          {"replicaSet", object({{"name", text()}}, {"name"})},
          {"storageEngine", text()},
          {"shardTopology", object({{"shard", object({{"shards", integer(1)},
                                                      {"replicas", integer(1)},
                                                      {"storage", volume_claim()},
                                                      {"podTemplate", pod_template()}})},
                                    {"configServer", object({{"replicas", integer(1)},
                                                             {"storage", volume_claim()},
                                                             {"podTemplate", pod_template()}})},
                                    {"mongos", object({{"replicas", integer(1)},
                                                       {"podTemplate", pod_template()}})}})}},
         {{"standalone", component()},
          {"replicaSet", component()},
          {"shard", component()},
          {"configServer", component()},
          {"mongos", component()}},
         {{"replicas", integer(1)},
          {"shard", object({{"shards", integer(1)}, {"replicas", integer(1)}})}},
         {{"standalone", quantity()}, {"replicaSet", quantity()}, {"shard", quantity()}}},
        {"Redis",
         "redises",
         {{"replicas", integer(1)},
          {"mode", one_of({"Standalone", "Cluster", "Sentinel"})},
          {"cluster", object({{"shards", integer(3)}, {"replicas", integer(1)}})},
          {"sentinelRef", object({{"name", text()}, {"namespace", text()}})}},
         {{"redis", component()}},
         {{"replicas", integer(1)}, {"shards", integer(1)}},
         {{"redis", quantity()}}},
        {"RedisSentinel", "redissentinels", {{"replicas", integer(1)}}, {}, {}, {}},
        {"Elasticsearch",
         "elasticsearches",
         {{"replicas", integer(1)},
          {"enableSSL", boolean()},
          {"disableSecurity", boolean()},
          {"topology", any()},
          {"maxUnavailable", quantity()}},
         {{"node", component()}},
         {{"node", integer(1)}},
         {{"node", quantity()}}},
        {"Memcached",
         "memcacheds",
         {{"replicas", integer(1)}},
         {{"memcached", component()}},
         {{"replicas", integer(1)}},
         {}},
    };
}

}  // namespace

std::vector<json::object> kubedb_definitions() {
    std::vector<json::object> made;
    for (auto& each : database_kinds()) {
        made.push_back(
            definition("kubedb.com", "v1", each.plural, each.kind, true, true,
                       with_status(database_spec(std::move(each.spec)), database_phase())));
        if (each.vertical.empty()) continue;
        const auto ops_kind = std::string(each.kind) + "OpsRequest";
        made.push_back(definition("ops.kubedb.com", "v1alpha1", lower(ops_kind) + "s", ops_kind,
                                  true, true,
                                  ops_schema(std::move(each.vertical), std::move(each.horizontal),
                                             std::move(each.volume))));
        const auto version_kind = std::string(each.kind) + "Version";
        made.push_back(definition("catalog.kubedb.com", "v1alpha1", lower(version_kind) + "s",
                                  version_kind, false, false,
                                  object({{"spec", object({{"version", text()},
                                                           {"deprecated", boolean()},
                                                           {"distribution", text()},
                                                           {"db", any()},
                                                           {"exporter", any()}},
                                                          {"version"})}})));
    }
    made.push_back(definition("appcatalog.appscode.com", "v1alpha1", "appbindings", "AppBinding",
                              true, false,
                              object({{"spec", object({{"type", text()},
                                                       {"version", text()},
                                                       {"appRef", any()},
                                                       {"clientConfig", any()},
                                                       {"secret", any()},
                                                       {"parameters", any()}})}})));
    made.push_back(definition("apps.k8s.appscode.com", "v1", "petsets", "PetSet", true, true,
                              object({{"spec", any()}, {"status", any()}})));
    return made;
}

}  // namespace apiserver
