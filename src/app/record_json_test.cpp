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

}  // namespace
