// Every module that has data per engine knows the same engines: the rules (domain), the form of the
// objects (kubedb), the metrics of the exporter (scrape).

#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <vector>

#include "domain/engines.hpp"
#include "kubedb/engine_dialect.hpp"
#include "scrape/mapping.hpp"

namespace {

using testing::UnorderedElementsAreArray;

std::vector<std::string> engines_of_domain() {
    std::vector<std::string> names;
    for (const auto& rules : domain::all_engines()) names.emplace_back(rules.engine);
    return names;
}

TEST(engine_registries, kubedb_has_a_dialect_for_each_engine) {
    std::vector<std::string> names;
    for (const auto* dialect : kubedb::all_dialects()) names.emplace_back(dialect->kind().engine);
    EXPECT_THAT(names, UnorderedElementsAreArray(engines_of_domain()))
        << "src/domain/engines/ and src/kubedb/engines/ differ";
}

TEST(engine_registries, scrape_has_metrics_for_each_engine) {
    // Forks that the platform does not offer as engines; KubeDB reports them as a distribution.
    const std::vector<std::string> forks{"opensearch", "valkey"};
    std::vector<std::string> names;
    for (const auto& table : scrape::engine_tables()) {
        const std::string engine(table.engine);
        if (std::ranges::find(forks, engine) == forks.end()) names.push_back(engine);
        EXPECT_FALSE(table.rules.empty()) << engine;
    }
    EXPECT_THAT(names, UnorderedElementsAreArray(engines_of_domain()))
        << "src/domain/engines/ and src/scrape/engines/ differ";
}

TEST(engine_registries, kubedb_agrees_with_the_rules) {
    for (const auto* dialect : kubedb::all_dialects()) {
        const auto& kind = dialect->kind();
        const auto* rules = domain::find_engine(kind.engine);
        ASSERT_NE(rules, nullptr) << kind.engine;
        EXPECT_EQ(kind.has_volumes, rules->has_volumes) << kind.engine;
        EXPECT_EQ(kind.can_halt, rules->can_pause) << kind.engine;
    }
}

// A dependent object holds a node group, which the rules describe.
TEST(engine_registries, a_dependent_object_has_a_group_in_the_rules) {
    for (const auto* dialect : kubedb::all_dialects()) {
        const auto& kind = dialect->kind();
        if (kind.dependent.kind.empty()) continue;
        EXPECT_FALSE(domain::find_engine(kind.engine)->groups.empty()) << kind.engine;
    }
}

}  // namespace
