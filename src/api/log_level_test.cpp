// The routes of the log levels.

#include "test/support/api_stage.hpp"

namespace {

using http::method;

class log_level_routes : public fakes::api_handler {
  protected:
    static constexpr const char* path = "/api/v1/platform/log-level";
    http::response change(std::string body) { return ask(method::put, path, std::move(body)); }
};

TEST_F(log_level_routes, report_the_configured_levels) {
    const auto response = get(path);
    EXPECT_EQ(response.status, 200U);
    EXPECT_EQ(response.body.to_string(),
              R"({"log_level":"info","configured":"info","expires_at":null,"scope":"replica",)"
              R"("replica":""})");
}

TEST_F(log_level_routes, change_the_levels_until_they_expire) {
    const auto changed = change(R"({"log_level":"info,scrape=debug","duration":60})");
    EXPECT_EQ(changed.status, 200U) << changed.body.to_string();
    EXPECT_EQ(json_of(changed).at("log_level").as_string(), "info,scrape=debug");
    EXPECT_TRUE(json_of(get(path)).at("expires_at").is_string());
    clock_.advance(std::chrono::seconds(60));
    settle();
    EXPECT_EQ(json_of(get(path)).at("log_level").as_string(), "info");
    EXPECT_TRUE(json_of(get(path)).at("expires_at").is_null());
}

TEST_F(log_level_routes, restore_the_configured_levels_for_null) {
    EXPECT_EQ(change(R"({"log_level":"debug"})").status, 200U);
    const auto restored = change(R"({"log_level":null})");
    EXPECT_EQ(restored.status, 200U);
    EXPECT_EQ(json_of(restored).at("log_level").as_string(), "info");
    EXPECT_TRUE(json_of(restored).at("expires_at").is_null());
}

TEST_F(log_level_routes, name_the_part_with_the_error) {
    const auto rejected = change(R"({"log_level":"info,scrap=debug","duration":0,"extra":1})");
    EXPECT_EQ(rejected.status, 422U);
    const auto text = rejected.body.to_string();
    for (const auto* part : {"/log_level", "'scrap=debug'", "/duration", "/extra"}) {
        EXPECT_TRUE(text.contains(part)) << text;
    }
    EXPECT_EQ(change("{}").status, 422U);
    EXPECT_EQ(change(R"({"log_level":7})").status, 422U);
}

TEST_F(log_level_routes, audit_the_change) {
    EXPECT_EQ(change(R"({"log_level":"debug"})").status, 200U);
    settle();
    const auto rows = get("/api/v1/audit?action=put_log_level");
    EXPECT_EQ(rows.status, 200U);
    EXPECT_TRUE(rows.body.to_string().contains("put_log_level")) << rows.body.to_string();
    EXPECT_EQ(log_.lines_of("log_level_changed").size(), 1U);
}

}  // namespace
