#include "app/operation_trace.hpp"

#include <gtest/gtest.h>

#include "app/record_json.hpp"
#include "test/support/recording_tracer.hpp"

namespace {

using namespace std::chrono_literals;

constexpr std::string_view traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

domain::database record_with(domain::operation_phase phase) {
    domain::database record{.id = "db-1", .project = "shop"};
    record.operations.push_back({.id = "op-1",
                                 .kind = domain::operation_kind::create,
                                 .database_id = "db-1",
                                 .project = "shop",
                                 .phase = phase,
                                 .created_at = base::instant(10s),
                                 .traceparent = std::string(traceparent)});
    if (record.operations[0].is_terminal()) record.operations[0].finished_at = base::instant(13s);
    return record;
}

TEST(operation_trace, is_the_same_in_every_process) {
    const auto record = record_with(domain::operation_phase::running);
    const auto context = app::active_context(record);
    ASSERT_TRUE(context);
    EXPECT_EQ(obs::hex_text(context->trace_id), "0af7651916cd43dd8448eb211c80319c");
    EXPECT_EQ(context, app::context_of(record.operations[0]));
    auto other = record.operations[0];
    other.id = "op-2";
    EXPECT_NE(context->span_id, app::context_of(other)->span_id);
    EXPECT_FALSE(app::active_context(record_with(domain::operation_phase::succeeded)));
}

TEST(operation_trace, survives_the_store_and_old_records_stay_valid) {
    const auto record = record_with(domain::operation_phase::running);
    auto text = app::encode(record.operations[0]);
    EXPECT_EQ(app::decode_operation(text)->traceparent, traceparent);
    auto old = record.operations[0];
    old.traceparent.clear();
    EXPECT_FALSE(app::encode(old).contains("traceparent"));
    EXPECT_EQ(*app::decode_operation(app::encode(old)), old);
    EXPECT_FALSE(app::context_of(old));
}

TEST(operation_trace, writes_of_a_command_belong_to_its_request) {
    const auto record = record_with(domain::operation_phase::queued);
    const auto command = app::parent_of_write(nullptr, record, app::record_origin::command);
    EXPECT_EQ(command, obs::parse_traceparent(traceparent));
    const auto ended = record_with(domain::operation_phase::succeeded);
    EXPECT_EQ(app::parent_of_write(&record, ended, app::record_origin::reconciler),
              app::context_of(record.operations[0]));
    EXPECT_FALSE(app::parent_of_write(&ended, ended, app::record_origin::reconciler));
}

TEST(operation_trace, reports_the_span_of_an_operation_once) {
    fakes::recording_tracer tracer;
    const auto running = record_with(domain::operation_phase::running);
    auto failed = record_with(domain::operation_phase::failed);
    failed.operations[0].error_code = "timed_out";
    EXPECT_TRUE(app::ended_operations(running, running).empty());
    EXPECT_TRUE(app::ended_operations(failed, failed).empty());
    const auto ended = app::ended_operations(running, failed);
    EXPECT_EQ(ended, std::vector{&std::as_const(failed).operations.front()});
    app::report_ended(tracer, ended);
    const auto spans = tracer.spans();
    ASSERT_EQ(spans.size(), 1U);
    EXPECT_EQ(spans[0].name, "operation create");
    EXPECT_EQ(spans[0].context, app::context_of(running.operations[0]));
    EXPECT_EQ(obs::hex_text(spans[0].parent_id), "b7ad6b7169203331");
    EXPECT_EQ(spans[0].start, base::instant(10s));
    EXPECT_EQ(spans[0].duration, 3s);
    EXPECT_EQ(spans[0].status, obs::span_status::error);
}

}  // namespace
