#include "domain/spec_difference.hpp"

#include <gtest/gtest.h>

#include "test/support/decide_stage.hpp"

namespace domain {
namespace {

using namespace fakes;

TEST(next_change, ignores_the_size_of_ephemeral_storage) {
    auto record = running_database();
    record.topology.data().storage.type = storage_type::ephemeral;
    auto observed = shown(record, observed_phase::ready);
    const auto present = record.topology.data().storage.bytes;
    for (const auto bytes : {present / 2, present * 2}) {
        observed.topology.data().storage.bytes = bytes;
        EXPECT_EQ(next_change(record, observed), std::nullopt);
    }
}

// A RedisSentinel is not observed: what the record says of it is not a difference.
TEST(next_change, compares_every_observed_group) {
    auto record = running_database();
    record.engine = "mongodb";
    record.topology.mode = topology_mode::cluster;
    record.topology.groups.push_back({.role = "config", .replicas = 3, .storage = {.bytes = gibi}});
    record.topology.groups.push_back({.role = "router", .replicas = 2});
    auto observed = shown(record, observed_phase::ready);
    EXPECT_EQ(next_change(record, observed), std::nullopt);
    record.topology.find("router")->replicas = 4;
    EXPECT_EQ(next_change(record, observed), change_kind::horizontal_scaling);
    record.topology.find("router")->size.cpu_millis = 900;
    EXPECT_EQ(next_change(record, observed), change_kind::vertical_scaling);
    record.topology.find("config")->storage.bytes = 2 * gibi;
    EXPECT_EQ(next_change(record, observed), change_kind::volume_expansion);
    observed.topology.groups.resize(1);
    EXPECT_EQ(next_change(record, observed), std::nullopt);
}

}  // namespace
}  // namespace domain
