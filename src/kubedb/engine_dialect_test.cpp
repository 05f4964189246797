// read_topology() returns the argument of write_topology(), for every engine and every topology
// that its rules allow.

#include "kubedb/engine_dialect.hpp"
#include "json/json.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "domain/engines.hpp"
#include "kubedb/engines/node_spec.hpp"
#include "kubedb/manifests.hpp"
#include "kubedb/observe.hpp"

namespace kubedb {
namespace {

using domain::change_kind;
using domain::node_group;
using domain::storage_type;
using domain::topology;
using domain::topology_mode;

constexpr std::int64_t gibi = 1LL << 30;

// The edges of the range, and the value next to each.
std::set<int> edges_of(const domain::replica_range& range) {
    const int step = range.odd_only ? 2 : 1;
    std::set<int> values;
    for (const int value : {range.min, range.min + step, range.max - step, range.max}) {
        if (value >= range.min && value <= range.max) values.insert(value);
    }
    return values;
}

struct member_settings {
    domain::size size;
    domain::storage storage;
};

// Quantities that are written differently: as a multiple of a unit, and as a plain number.
std::vector<member_settings> settings_of(const domain::engine_rules& rules) {
    const std::vector<domain::size> sizes{
        {.cpu_millis = 50, .memory_bytes = rules.memory_bytes_min},
        {.cpu_millis = 1250, .memory_bytes = rules.memory_bytes_min + 1},
        {.cpu_millis = 512'000, .memory_bytes = 4096 * gibi}};
    std::vector<member_settings> all;
    for (const auto& size : sizes) {
        if (!rules.has_volumes) {
            all.push_back({.size = size, .storage = {}});
            continue;
        }
        for (const auto bytes :
             {rules.storage_bytes_min, rules.storage_bytes_min + 1, 65'536 * gibi}) {
            for (const auto* storage_class : {"", "fast"}) {
                for (const auto type : {storage_type::durable, storage_type::ephemeral}) {
                    all.push_back({size, {bytes, storage_class, type}});
                }
            }
        }
    }
    return all;
}

// Returns the topologies of the mode with one member setting, other groups with their defaults.
std::vector<topology> shapes_of(const domain::engine_rules& rules, topology_mode mode) {
    std::vector<topology> all;
    const auto add = [&](int replicas, int shards) {
        all.push_back({.mode = mode, .shards = shards, .groups = {{.replicas = replicas}}});
    };
    switch (mode) {
        case topology_mode::standalone:
            if (rules.standalone) add(1, 1);
            break;
        case topology_mode::replicated:
            if (!rules.replicated.supported()) break;
            for (const int replicas : edges_of(rules.replicated)) add(replicas, 1);
            break;
        case topology_mode::cluster:
            if (!rules.shards.supported()) break;
            for (const int shards : edges_of(rules.shards)) {
                for (const int replicas : edges_of(rules.shard_replicas)) add(replicas, shards);
            }
            break;
    }
    return all;
}

// Returns the topology with all groups of its mode: once with the defaults, and then with each edge
// of the members of one group, which also has another size and storage than the data group.
std::vector<topology> with_groups(const domain::engine_rules& rules, topology shape) {
    domain::complete_groups(shape, rules);
    std::vector<topology> all{shape};
    for (const auto& group : rules.groups) {
        if (group.mode != shape.mode) continue;
        for (const int replicas : edges_of(group.replicas)) {
            auto changed = shape;
            auto& helper = *changed.find(group.role);
            helper.replicas = replicas;
            helper.size = {.cpu_millis = 333, .memory_bytes = rules.memory_bytes_min + 3};
            if (helper.storage.bytes > 0) helper.storage.bytes = 5 * gibi;
            all.push_back(std::move(changed));
        }
    }
    return all;
}

std::vector<topology> legal_topologies(const domain::engine_rules& rules) {
    std::vector<topology> all;
    for (const auto mode :
         {topology_mode::standalone, topology_mode::replicated, topology_mode::cluster}) {
        for (const auto& shape : shapes_of(rules, mode)) {
            for (auto settings : settings_of(rules)) {
                // An ephemeral MongoDB has no claim, which would name the class.
                const bool has_claim = settings.storage.type == storage_type::durable;
                if (rules.engine == "mongodb" && !has_claim) settings.storage.storage_class = {};
                auto sized = shape;
                sized.data().size = settings.size;
                sized.data().storage = settings.storage;
                for (auto& whole : with_groups(rules, std::move(sized))) {
                    all.push_back(std::move(whole));
                }
            }
        }
    }
    return all;
}

// Every legal topology, with the other settings in turn.
std::vector<domain::database> legal_databases(const domain::engine_rules& rules) {
    std::vector<domain::database> all;
    for (auto& shape : legal_topologies(rules)) {
        const auto number = all.size();
        domain::database record{.id = "db-1",
                                .project = "shop",
                                .name = "orders",
                                .engine = std::string(rules.engine),
                                .version = number % 3 == 0 ? "9.6.1-debian" : "17.9",
                                .topology = std::move(shape),
                                .paused = number % 5 == 0,
                                .monitoring = number % 7 != 0};
        if (number % 2 == 0) record.labels = {{"team", "web"}, {"example.com/cost", "7"}};
        all.push_back(std::move(record));
    }
    return all;
}

// Returns the group that the spec of a dependent object describes.
node_group read_dependent(const engine_kind& kind, const json::object& spec,
                          std::string_view role) {
    node_group group{.role = std::string(role),
                     .replicas = small_number_at(spec, "replicas", 0),
                     .size = read_size(spec, kind.dependent.container),
                     .storage = read_claim(spec)};
    if (group.storage.bytes > 0) group.storage.type = read_storage_type(spec);
    return group;
}

std::string text_of(const topology& shape) {
    auto text = fmt::format("{} x {}", domain::name(shape.mode), shape.shards);
    for (const auto& group : shape.groups) {
        text += fmt::format(", {} {} of {}m/{} with {} {} '{}'", group.replicas, group.role,
                            group.size.cpu_millis, group.size.memory_bytes, group.storage.bytes,
                            domain::name(group.storage.type), group.storage.storage_class);
    }
    return text;
}

class engine_dialects : public testing::TestWithParam<const engine_dialect*> {
  protected:
    const engine_dialect& dialect_ = *GetParam();
    const domain::engine_rules& rules_ = *domain::find_engine(dialect_.kind().engine);
};

TEST_P(engine_dialects, every_legal_database_is_observed_as_written) {
    const auto all = legal_databases(rules_);
    ASSERT_GE(all.size(), 9U);
    for (auto record : all) {
        const auto manifest = database_manifest(dialect_, record);
        const auto text = json::serialize(manifest);
        if (dialect_.needs_dependent_object(record.topology)) {
            const auto dependent = dependent_manifest(dialect_, record);
            const auto group = std::exchange(record.topology.groups.back(), {});
            record.topology.groups.pop_back();
            ASSERT_EQ(read_dependent(dialect_.kind(), dependent.at("spec").as_object(), group.role),
                      group)
                << json::serialize(dependent);
        }
        const auto seen = observe_database(dialect_, manifest);
        ASSERT_EQ(seen.topology, record.topology) << text_of(seen.topology) << "\n"
                                                  << text_of(record.topology) << "\n"
                                                  << text;
        ASSERT_EQ(seen.version, record.version) << text;
        ASSERT_EQ(seen.paused, record.paused) << text;
        ASSERT_EQ(seen.labels, record.labels) << text;
        ASSERT_EQ(seen.owner_database_id, record.id) << text;
        ASSERT_EQ(manifest.at("spec").at("deletionPolicy"), "WipeOut") << text;
    }
}

TEST_P(engine_dialects, every_change_that_the_rules_allow_has_an_ops_request) {
    for (const auto& record : legal_databases(rules_)) {
        const auto& shape = record.topology;
        const bool is_durable = shape.data().storage.type == storage_type::durable;
        for (const auto change : {change_kind::vertical_scaling, change_kind::horizontal_scaling,
                                  change_kind::volume_expansion, change_kind::restart}) {
            const bool is_allowed =
                change != change_kind::volume_expansion || (rules_.has_volumes && is_durable);
            ASSERT_EQ(ops_manifest(dialect_, record, shape, change, "op-1").has_value(), is_allowed)
                << domain::name(change);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(all, engine_dialects, testing::ValuesIn(all_dialects()),
                         [](const auto& suite) { return std::string(suite.param->kind().engine); });

TEST(engine_dialect, is_found_by_engine_and_by_plural) {
    for (const auto* dialect : all_dialects()) {
        EXPECT_EQ(find_dialect(dialect->kind().engine), dialect);
        EXPECT_EQ(dialect_of_plural(dialect->kind().plural), dialect);
    }
    EXPECT_EQ(find_dialect("oracle"), nullptr);
    EXPECT_EQ(dialect_of_plural(""), nullptr);
}

TEST(engine_kind, a_dependent_object_belongs_to_its_database) {
    const auto& redis = find_dialect("redis")->kind();
    EXPECT_EQ(redis.database_of("Redis", "cache"), "cache");
    EXPECT_EQ(redis.database_of("RedisSentinel", "cache-sentinel"), "cache");
    EXPECT_EQ(redis.database_of("RedisSentinel", "cache"), std::nullopt);
    EXPECT_EQ(redis.database_of("Postgres", "cache"), std::nullopt);
    EXPECT_EQ(find_dialect("postgres")->kind().database_of("", ""), std::nullopt);
}

}  // namespace
}  // namespace kubedb
