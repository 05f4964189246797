// MongoDB: several members form a replica set. A sharded database describes each of its groups in
// spec.shardTopology, and its OpsRequests name the groups that change.

#include <array>

#include "base/quantity.hpp"
#include "json/json.hpp"
#include "json/json_access.hpp"
#include "kubedb/engines/dialect_list.hpp"
#include "kubedb/engines/login_uri.hpp"
#include "kubedb/engines/node_spec.hpp"

namespace kubedb {
namespace {

using domain::change_kind;
using domain::node_group;
using domain::topology;
using domain::topology_mode;

struct component {
    std::string_view role;
    std::string_view key;  // in spec.shardTopology and in OpsRequests
};
constexpr std::array components{component{.role = domain::data_role, .key = "shard"},
                                component{.role = "config", .key = "configServer"},
                                component{.role = "router", .key = "mongos"}};

// Returns the key of the group in OpsRequests.
std::string_view key_of(const topology& shape, std::string_view role) {
    if (shape.mode == topology_mode::standalone) return "standalone";
    if (shape.mode == topology_mode::replicated) return "replicaSet";
    const auto it = std::ranges::find(components, role, &component::role);
    return it == components.end() ? std::string_view("shard") : it->key;
}

// Returns the groups that `is_changed(wanted, present)` selects. Returns the data group if there is
// none: the change was made already, and the request repeats it.
template <class IsChanged>
std::vector<const node_group*> changed_groups(const topology& wanted, const topology& present,
                                              IsChanged is_changed) {
    std::vector<const node_group*> groups;
    for (const auto& group : wanted.groups) {
        const auto* other = present.find(group.role);
        if (other != nullptr && is_changed(group, *other)) groups.push_back(&group);
    }
    if (groups.empty()) groups.push_back(&wanted.data());
    return groups;
}

json::object vertical_payload(const topology& wanted, const topology& present) {
    json::object payload;
    const auto is_changed = [](const auto& group, const auto& other) {
        return group.size != other.size;
    };
    for (const auto* group : changed_groups(wanted, present, is_changed)) {
        payload[key_of(wanted, group->role)] =
            json::object{{"resources", resources_of(group->size)}};
    }
    return payload;
}

json::object horizontal_payload(const topology& wanted, const topology& present) {
    if (wanted.mode != topology_mode::cluster) return {{"replicas", wanted.data().replicas}};
    json::object payload;
    const bool has_other_shards = wanted.shards != present.shards;
    const auto is_changed = [&](const auto& group, const auto& other) {
        return group.replicas != other.replicas ||
               (has_other_shards && group.role == domain::data_role);
    };
    for (const auto* group : changed_groups(wanted, present, is_changed)) {
        json::object settings{{"replicas", group->replicas}};
        if (group->role == domain::data_role) settings["shards"] = wanted.shards;
        payload[key_of(wanted, group->role)] = std::move(settings);
    }
    return payload;
}

json::object volume_payload(const topology& wanted, const topology& present) {
    json::object payload{{"mode", "Online"}};
    const auto is_changed = [](const auto& group, const auto& other) {
        return group.storage.bytes != other.storage.bytes;
    };
    for (const auto* group : changed_groups(wanted, present, is_changed)) {
        payload[key_of(wanted, group->role)] = base::bytes_text(group->storage.bytes);
    }
    return payload;
}

class mongodb final : public engine_dialect {
  public:
    using engine_dialect::engine_dialect;

    void write_topology(json::object& spec, const domain::database& record) const override {
        const auto& shape = record.topology;
        spec["storageType"] = storage_type_text(shape.data().storage.type);
        if (shape.mode != topology_mode::cluster) {
            write_group(spec, shape.data());
            if (shape.mode == topology_mode::replicated) {
                spec["replicaSet"] = json::object{{"name", "rs0"}};
            }
            return;
        }
        json::object sharded;
        for (const auto& [role, key] : components) {
            json::object settings;
            write_group(settings, group_of(record, role));
            if (role == domain::data_role) settings["shards"] = shape.shards;
            sharded[key] = std::move(settings);
        }
        spec["shardTopology"] = std::move(sharded);
    }

    [[nodiscard]] topology read_topology(const json::object& spec) const override {
        const auto type = read_storage_type(spec);
        const auto* sharded = json::object_at(spec, "shardTopology");
        if (sharded == nullptr) {
            const auto mode =
                spec.contains("replicaSet") ? topology_mode::replicated : topology_mode::standalone;
            return {.mode = mode, .groups = {read_group(spec, domain::data_role, type)}};
        }
        const auto& shard = json::object_or_empty(*sharded, "shard");
        topology shape{.mode = topology_mode::cluster,
                       .shards = small_number_at(shard, "shards", 1),
                       .groups = {read_group(shard, domain::data_role, type)}};
        for (const auto& [role, key] : components) {
            const auto* settings = json::object_at(*sharded, key);
            if (settings == nullptr || role == domain::data_role) continue;
            auto group = read_group(*settings, role, type);
            // An object that another client wrote may lack resources; then the size is unknown.
            if (group.size != domain::size{}) shape.groups.push_back(std::move(group));
        }
        return shape;
    }

    [[nodiscard]] std::optional<json::object> ops_payload(change_kind change,
                                                          const topology& wanted,
                                                          const topology& present) const override {
        switch (change) {
            case change_kind::vertical_scaling:
                return vertical_payload(wanted, present);
            case change_kind::horizontal_scaling:
                return horizontal_payload(wanted, present);
            case change_kind::volume_expansion:
                return volume_payload(wanted, present);
            case change_kind::restart:
                return json::object{};
        }
        return std::nullopt;
    }

    // The users are in the database "admin", even if a client replaces the database of the URI.
    void complete_login(ports::credentials& login, const app_binding& binding) const override {
        const bool is_tls = binding.security == transport_security::tls;
        std::string query = login.username.empty() ? "" : "authSource=admin";
        if (is_tls) query += query.empty() ? "tls=true" : "&tls=true";
        login.uri = login_uri(kind().scheme, login, binding.servers, query);
        set_variable(login, "MONGODB_URI", std::string(login.uri.reveal()));
    }

  private:
    void write_group(json::object& settings, const node_group& group) const {
        settings["replicas"] = group.replicas;
        settings["podTemplate"] = pod_template(kind().container, group.size);
        if (group.storage.bytes <= 0) return;
        if (group.storage.type == domain::storage_type::durable) {
            settings["storage"] = volume_claim(group.storage);
        } else {
            // MongoDB's admission rejects a claim of an ephemeral database
            // (IsStorageTypeCompatibleWithSpec of KubeDB's validators). The storage class is lost.
            settings["ephemeralStorage"] =
                json::object{{"sizeLimit", base::bytes_text(group.storage.bytes)}};
        }
    }

    [[nodiscard]] node_group read_group(const json::object& settings, std::string_view role,
                                        domain::storage_type type) const {
        node_group group{.role = std::string(role),
                         .replicas = small_number_at(settings, "replicas", 1),
                         .size = read_size(settings, kind().container),
                         .storage = read_claim(settings)};
        if (!settings.contains("storage")) {
            const auto& limits = json::object_or_empty(settings, "ephemeralStorage");
            group.storage.bytes =
                base::parse_bytes(json::quantity_at(limits, "sizeLimit")).value_or(0);
        }
        if (group.storage.bytes > 0 || role == domain::data_role) group.storage.type = type;
        return group;
    }
};

constexpr mongodb dialect{engine_kind{.engine = "mongodb",
                                      .kind = "MongoDB",
                                      .plural = "mongodbs",
                                      .container = "mongodb",
                                      .default_port = 27017,
                                      .scheme = "mongodb",
                                      .default_database = "admin",
                                      .components = "shard#|shard#-arbiter|shard#-hidden|"
                                                    "configsvr|mongos|arbiter|hidden"}};

}  // namespace

const engine_dialect& mongodb_dialect() noexcept {
    return dialect;
}

}  // namespace kubedb
