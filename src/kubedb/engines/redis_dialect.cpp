// Redis: spec.mode names the topology. A replicated database names a RedisSentinel, a separate
// object, which KubeDB neither creates nor deletes with the database.

#include "domain/release.hpp"
#include "json/json_access.hpp"
#include "kubedb/engines/data_group_dialect.hpp"
#include "kubedb/engines/dialect_list.hpp"
#include "kubedb/engines/login_uri.hpp"
#include "kubedb/engines/node_spec.hpp"
#include "kubedb/names.hpp"

namespace kubedb {
namespace {

using domain::change_kind;
using domain::topology_mode;

class redis final : public data_group_dialect {
  public:
    using data_group_dialect::data_group_dialect;

    void write_topology(json::object& spec, const domain::database& record) const override {
        data_group_dialect::write_topology(spec, record);
        switch (record.topology.mode) {
            case topology_mode::standalone:
                spec["mode"] = "Standalone";
                break;
            case topology_mode::replicated:
                spec["mode"] = "Sentinel";
                spec["sentinelRef"] = json::object{{"name", kind().dependent_name(record.name)},
                                                   {"namespace", namespace_of(record.project)}};
                break;
            case topology_mode::cluster:
                spec["mode"] = "Cluster";
                spec["cluster"] = json::object{{"shards", record.topology.shards},
                                               {"replicas", record.topology.data().replicas}};
                spec.erase("replicas");  // spec.cluster.replicas replaces it
                break;
        }
    }

    [[nodiscard]] domain::topology read_topology(const json::object& spec) const override {
        auto shape = data_group_dialect::read_topology(spec);
        const auto mode = json::text_at(spec, "mode");
        shape.mode = mode == "Sentinel" ? topology_mode::replicated : topology_mode::standalone;
        if (mode == "Cluster") {
            const auto& cluster = json::object_or_empty(spec, "cluster");
            shape.mode = topology_mode::cluster;
            shape.shards = small_number_at(cluster, "shards", 3);
            shape.data().replicas = small_number_at(cluster, "replicas", 1);
        }
        return shape;
    }

    [[nodiscard]] std::optional<json::object> ops_payload(
        change_kind change, const domain::topology& wanted,
        const domain::topology& present) const override {
        const bool is_cluster = wanted.mode == topology_mode::cluster;
        if (is_cluster && change == change_kind::horizontal_scaling) {
            return json::object{{"shards", wanted.shards}, {"replicas", wanted.data().replicas}};
        }
        return data_group_dialect::ops_payload(change, wanted, present);
    }

    [[nodiscard]] bool needs_dependent_object(
        const domain::topology& shape) const noexcept override {
        return shape.mode == topology_mode::replicated;
    }

    [[nodiscard]] json::object dependent_spec(const domain::database& record) const override {
        const auto sentinels = group_of(record, "sentinel");
        const auto type = record.topology.data().storage.type;
        json::object spec{{"version", record.version},
                          {"replicas", sentinels.replicas},
                          {"podTemplate", pod_template(kind().dependent.container, sentinels.size)},
                          {"storageType", storage_type_text(type)},
                          {"deletionPolicy", "WipeOut"}};
        if (type == domain::storage_type::durable) {
            spec["storage"] = volume_claim(sentinels.storage);
        }
        if (record.paused) spec["halted"] = true;
        return spec;
    }

    // Users exist since Redis 6. An earlier server rejects AUTH with a user, which clients send if
    // the URI names one.
    void complete_login(ports::credentials& login, const app_binding& binding) const override {
        constexpr domain::release users_since{.major_number = 6};
        const auto release = domain::release_of(binding.version);
        if (release && *release < users_since) login.username.clear();
        data_group_dialect::complete_login(login, binding);
        set_variable(login, "REDISCLI_AUTH", std::string(login.password.reveal()));
        set_variable(login, "REDIS_URL", std::string(login.uri.reveal()));
    }
};

constexpr redis dialect{{.engine = "redis",
                         .kind = "Redis",
                         .plural = "redises",
                         .container = "redis",
                         .default_port = 6379,
                         .scheme = "redis",
                         .tls_scheme = "rediss",
                         .default_user = "default",
                         .default_database = "0",
                         .dependent = {.kind = "RedisSentinel",
                                       .plural = "redissentinels",
                                       .suffix = "-sentinel",
                                       .container = "redissentinel"},
                         .components = "shard#|sentinel"},
                        {.vertical = "redis", .horizontal = "replicas", .volume = "redis"}};

}  // namespace

const engine_dialect& redis_dialect() noexcept {
    return dialect;
}

}  // namespace kubedb
