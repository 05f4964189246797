#include "domain/operation_lifecycle.hpp"

#include <gtest/gtest.h>

#include "test/support/decide_stage.hpp"

namespace domain {
namespace {

using namespace fakes;

TEST(begin_operation, supersedes_an_update_and_cancels_for_a_deletion) {
    auto record = running_database();
    begin_operation(record, {.id = "op-2", .kind = operation_kind::update}, start_time);
    begin_operation(record, {.id = "op-3", .kind = operation_kind::update}, start_time);
    begin_operation(record, {.id = "op-4", .kind = operation_kind::delete_database}, start_time);
    ASSERT_EQ(record.operations.size(), 4u);
    EXPECT_EQ(record.operations[1].phase, operation_phase::superseded);
    EXPECT_EQ(record.operations[2].phase, operation_phase::cancelled);
    EXPECT_EQ(active_operation(record)->id, "op-4");
    EXPECT_EQ(active_operation(record)->database_id, "db-a");
}

TEST(finish, ends_the_running_step) {
    for (const auto phase : {operation_phase::failed, operation_phase::cancelled}) {
        operation ended{.id = "op-2",
                        .steps = {{.name = "a", .phase = operation_phase::succeeded},
                                  {.name = "b", .phase = operation_phase::running}}};
        finish(ended, phase, start_time, "denied", "is forbidden");
        EXPECT_EQ(ended.steps[0].phase, operation_phase::succeeded);
        EXPECT_EQ(ended.steps[1].phase, phase);
    }
}

TEST(begin_operation, keeps_a_bounded_number) {
    auto record = running_database();
    for (int i = 0; i < 50; ++i) {
        begin_operation(record, {.id = "op-" + std::to_string(i), .kind = operation_kind::update},
                        start_time);
    }
    EXPECT_EQ(record.operations.size(), operations_kept_max);
    EXPECT_EQ(active_operation(record)->id, "op-49");
}

}  // namespace
}  // namespace domain
