#include "test/wire/every_manifest.hpp"

#include <string>

#include "domain/engines.hpp"
#include "domain/validate.hpp"
#include "kubedb/manifests.hpp"

namespace tests {
namespace {

using domain::change_kind;
using enum domain::topology_mode;

// Builds the record from a request of the API, so that validation and defaults apply.
domain::database record_of(const kubedb::engine_kind& kind, const domain::topology& shape,
                           domain::storage_type type, std::size_t number) {
    domain::create_request wanted{.project = "t",
                                  .name = "n" + std::to_string(number),
                                  .engine = std::string(kind.engine),
                                  .labels = domain::labels{{"team", "web"}}};
    wanted.topology = domain::topology_request{.mode = std::string(domain::name(shape.mode)),
                                               .replicas = shape.data().replicas};
    if (shape.mode == cluster) wanted.topology->shards = shape.shards;
    if (kind.has_volumes) {
        wanted.storage = domain::storage_request{.type = std::string(domain::name(type))};
    }
    auto record =
        domain::validate_create(wanted, {.installed = true, .versions = {"9.0.0"}}).value();
    record.id = "db-1";
    return record;
}

bool is_offered(const domain::engine_rules& rules, domain::topology_mode mode) {
    switch (mode) {
        case standalone:
            return rules.standalone;
        case replicated:
            return rules.replicated.supported();
        case cluster:
            return rules.shards.supported();
    }
    return false;
}

bool can_change(const domain::engine_rules& rules, const domain::topology& shape,
                const domain::node_group& group, change_kind change) {
    if (change == change_kind::restart) return false;
    if (group.role == domain::data_role) return true;
    const auto* limits = domain::find_group(rules, shape.mode, group.role);
    if (limits == nullptr) return false;
    switch (change) {
        case change_kind::vertical_scaling:
            return limits->scales_vertically;
        case change_kind::horizontal_scaling:
            return limits->scales_horizontally;
        case change_kind::volume_expansion:
            return limits->expands_volumes && limits->has_storage(group.storage.type);
        case change_kind::restart:
            return false;
    }
    return false;
}

// Makes the group one that `change` has not reached.
void revert(domain::node_group& group, change_kind change) {
    if (change == change_kind::vertical_scaling) group.size.cpu_millis += 1;
    if (change == change_kind::horizontal_scaling) group.replicas += 1;
    if (change == change_kind::volume_expansion) group.storage.bytes -= 1;
}

// Returns the topologies from which `change` leads to that of the record: each group that the
// change can alter differs alone, then all of them together. A request names the groups that
// differ. A restart has one topology, that of the record.
std::vector<domain::topology> present_topologies(const domain::database& record,
                                                 change_kind change) {
    const auto& rules = *domain::find_engine(record.engine);
    auto together = record.topology;
    std::vector<domain::topology> all;
    for (std::size_t index = 0; index < record.topology.groups.size(); ++index) {
        if (!can_change(rules, record.topology, record.topology.groups[index], change)) continue;
        all.push_back(record.topology);
        revert(all.back().groups[index], change);
        revert(together.groups[index], change);
    }
    if (all.size() != 1) all.push_back(std::move(together));
    return all;
}

kube::resource kubedb_resource(std::string_view plural, std::string_view kind) {
    return {.group = "kubedb.com",
            .version = "v1",
            .plural = std::string(plural),
            .kind = std::string(kind)};
}

}  // namespace

std::vector<written_database> every_database() {
    std::vector<written_database> all;
    for (const auto* dialect : kubedb::all_dialects()) {
        const auto& kind = dialect->kind();
        const auto& rules = *domain::find_engine(kind.engine);
        for (const auto& shape :
             {domain::topology{.mode = standalone},
              domain::topology{.mode = replicated, .groups = {{.replicas = 3}}},
              domain::topology{.mode = cluster, .shards = 3, .groups = {{.replicas = 2}}}}) {
            if (!is_offered(rules, shape.mode)) continue;
            for (const auto type :
                 {domain::storage_type::durable, domain::storage_type::ephemeral}) {
                if (!kind.has_volumes && type == domain::storage_type::ephemeral) continue;
                all.push_back({dialect, record_of(kind, shape, type, all.size() + 1)});
            }
        }
    }
    return all;
}

written_object object_of(const written_database& database) {
    const auto& kind = database.dialect->kind();
    return {kubedb_resource(kind.plural, kind.kind),
            kubedb::database_manifest(*database.dialect, database.record)};
}

std::vector<written_object> dependent_objects_of(const written_database& database) {
    const auto& dialect = *database.dialect;
    if (!dialect.needs_dependent_object(database.record.topology)) return {};
    const auto& dependent = dialect.kind().dependent;
    return {{kubedb_resource(dependent.plural, dependent.kind),
             kubedb::dependent_manifest(dialect, database.record)}};
}

std::vector<written_object> change_requests_of(const written_database& database,
                                               domain::change_kind change) {
    const auto& dialect = *database.dialect;
    std::vector<written_object> all;
    for (const auto& present : present_topologies(database.record, change)) {
        auto content = kubedb::ops_manifest(dialect, database.record, present, change,
                                            "op-" + std::to_string(all.size() + 1));
        if (!content) continue;
        all.push_back({{.group = "ops.kubedb.com",
                        .version = "v1alpha1",
                        .plural = dialect.kind().ops_plural(),
                        .kind = dialect.kind().ops_kind()},
                       std::move(*content)});
    }
    return all;
}

}  // namespace tests
