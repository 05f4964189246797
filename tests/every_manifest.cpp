#include "tests/every_manifest.hpp"

#include <string>

#include "domain/engines.hpp"
#include "kubedb/manifests.hpp"

namespace tests {
namespace {

using enum domain::topology_mode;

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

kube::resource kubedb_resource(std::string_view plural, std::string_view kind) {
    return {.group = "kubedb.com",
            .version = "v1",
            .plural = std::string(plural),
            .kind = std::string(kind)};
}

}  // namespace

std::vector<written_database> every_database() {
    std::vector<written_database> all;
    for (const auto& kind : kubedb::all_kinds()) {
        const auto& rules = *domain::find_engine(kind.engine);
        for (const auto& shape :
             {domain::topology{standalone, 1, 1}, domain::topology{replicated, 3, 1},
              domain::topology{cluster, 2, 3}}) {
            if (!is_offered(rules, shape.mode)) continue;
            for (const auto type :
                 {domain::storage_type::durable, domain::storage_type::ephemeral}) {
                if (!kind.has_volumes && type == domain::storage_type::ephemeral) continue;
                domain::database record{.id = "db-1",
                                        .project = "t",
                                        .name = "n" + std::to_string(all.size() + 1),
                                        .engine = std::string(kind.engine),
                                        .version = "1",
                                        .topology = shape,
                                        .size = {500, 1 << 30},
                                        .tags = {{"team", "web"}}};
                record.storage.type = type;
                const bool durable = type == domain::storage_type::durable;
                if (kind.has_volumes && durable) record.storage.bytes = 1LL << 30;
                all.push_back({&kind, std::move(record)});
            }
        }
    }
    return all;
}

written_object object_of(const written_database& database) {
    return {kubedb_resource(database.kind->plural, database.kind->kind),
            kubedb::database_manifest(*database.kind, database.record)};
}

std::vector<written_object> companions_of(const written_database& database) {
    if (!kubedb::needs_companion(*database.kind, database.record)) return {};
    const auto& companion = database.kind->companion;
    return {{kubedb_resource(companion.plural, companion.kind),
             kubedb::companion_manifest(*database.kind, database.record)}};
}

std::vector<written_object> change_of(const written_database& database,
                                      domain::change_kind change) {
    const auto& kind = *database.kind;
    auto content = kubedb::ops_manifest(kind, database.record, change, "op-1");
    if (!content) return {};
    return {{{.group = "ops.kubedb.com",
              .version = "v1alpha1",
              .plural = kind.ops_plural(),
              .kind = kind.ops_kind()},
             std::move(*content)}};
}

}  // namespace tests
