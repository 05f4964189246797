#include "app/record_json.hpp"

#include <gtest/gtest.h>

namespace {

TEST(record_json, reports_a_project_without_a_name_as_corrupt) {
    for (const auto* text : {"{}", R"({"v":2})", R"({"v":2,"name":""})"}) {
        const auto record = app::decode_project(text);
        ASSERT_FALSE(record) << text;
        EXPECT_EQ(record.error().code, base::errc::corrupt) << text;
        EXPECT_EQ(record.error().text, "a stored project cannot be read at name") << text;
    }
    EXPECT_EQ(app::decode_project(R"({"v":2,"name":"shop"})")->name, "shop");
}

TEST(record_json, reports_empty_databases_and_operations_as_corrupt) {
    EXPECT_EQ(app::decode_database("{}").error().code, base::errc::corrupt);
    EXPECT_EQ(app::decode_operation("{}").error().code, base::errc::corrupt);
}

TEST(record_json, keeps_a_schedule_and_its_last_handled_edge) {
    domain::database record{.id = "db-a", .project = "shop", .name = "cache", .engine = "redis"};
    record.schedule = {
        .utc_offset_minutes = -210,
        .off = {{.days = 31, .begin = 20 * 60, .end = 6 * 60}, {.days = 96, .begin = 0, .end = 0}}};
    record.schedule_handled_until = base::instant(std::chrono::microseconds(1'763'994'600'000'001));
    const auto read = app::decode_database(app::encode(record));
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_EQ(*read, record);
}

TEST(record_json, reads_a_record_without_a_schedule) {
    const domain::database record{.id = "db-a", .engine = "redis"};
    const auto text = app::encode(record);
    EXPECT_FALSE(text.contains("schedule"));
    EXPECT_FALSE(app::decode_database(text)->schedule);
}

TEST(record_json, reports_a_schedule_without_edges_as_corrupt) {
    domain::database record{.id = "db-a", .engine = "redis"};
    record.schedule = {.off = {{.days = 127, .begin = 0, .end = 0}}};
    const auto read = app::decode_database(app::encode(record));
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().text, "a stored database cannot be read at schedule");
}

}  // namespace
