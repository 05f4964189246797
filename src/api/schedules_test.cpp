// Schedules of databases as clients see them.

#include <gtest/gtest.h>

#include <algorithm>

#include "api/json/request_json.hpp"
#include "test/support/api_stage.hpp"

namespace {

using namespace std::chrono_literals;

// The clock of the tests starts on Monday, 2025-11-24T14:30:00Z.
constexpr const char* evenings =
    R"({"utc_offset":"+01:00","off":[{"days":["mon","tue"],"from":"20:00","to":"06:00"}]})";
constexpr const char* now_off = R"({"off":[{"days":["mon"],"from":"14:00","to":"15:00"}]})";

class schedules : public fakes::api_handler {
  protected:
    std::string create_running(const std::string& name) {
        const auto id = create(name);
        cluster_.report(name, domain::observed_phase::ready);
        settle();
        return id;
    }
    http::response patch(const std::string& id, const std::string& body) {
        return ask(http::method::patch, path(id), body);
    }
    http::response set(const std::string& id, std::string_view schedule) {
        return patch(id, fmt::format(R"({{"schedule":{}}})", schedule));
    }
    json::value read(const std::string& id) { return json_of(get(path(id))); }
    static std::string path(const std::string& id) { return std::string(databases) + "/" + id; }
    // Returns the pointer and the code of each error.
    static std::vector<std::string> errors_of(const http::response& response) {
        EXPECT_EQ(response.status, 422U) << response.body.to_string();
        std::vector<std::string> result;
        if (response.status != 422) return result;
        const auto document = json_of(response);
        for (const auto& error : document.at("errors").as_array()) {
            result.push_back(fmt::format("{} {}", std::string(error.at("pointer").as_string()),
                                         std::string(error.at("code").as_string())));
        }
        std::ranges::sort(result);
        return result;
    }
};

TEST_F(schedules, are_a_member_of_the_database) {
    const auto id = create_running("cache");
    EXPECT_TRUE(read(id).at("schedule").is_null());
    EXPECT_TRUE(read(id).at("next_schedule_change_at").is_null());
    EXPECT_TRUE(read(id).at("next_schedule_change").is_null());
    const auto response = set(id, evenings);
    EXPECT_EQ(response.status, 200U) << response.body.to_string();
    EXPECT_TRUE(json_of(response).at("operation").is_null());
    EXPECT_EQ(json::serialize(read(id).at("schedule")), evenings);
    EXPECT_EQ(read(id).at("next_schedule_change_at").as_string(), "2025-11-24T19:00:00Z");
    EXPECT_EQ(read(id).at("next_schedule_change").as_string(), "pause");
    EXPECT_EQ(set(id, "null").status, 200U);
    EXPECT_TRUE(read(id).at("schedule").is_null());
}

TEST_F(schedules, are_accepted_for_a_new_database) {
    const auto response =
        post(databases,
             fmt::format(R"({{"project":"default","engine":"redis","name":"cache","schedule":{}}})",
                         now_off));
    ASSERT_EQ(response.status, 202U) << response.body.to_string();
    const auto id = std::string(json_of(response).at("database").at("id").as_string());
    settle();
    EXPECT_FALSE(read(id).at("paused").as_bool());  // waits for the end of the creation
    cluster_.report("cache", domain::observed_phase::ready);
    settle();
    EXPECT_TRUE(read(id).at("paused").as_bool());
    const auto without =
        post(databases, R"({"project":"default","engine":"redis","name":"other","schedule":null})");
    ASSERT_EQ(without.status, 202U) << without.body.to_string();
    EXPECT_TRUE(json_of(without).at("database").at("schedule").is_null());
}

TEST_F(schedules, pause_at_once_in_a_window_and_yield_to_a_change_by_hand) {
    const auto id = create_running("cache");
    clock_.advance(1s);  // operations are listed by the time of their creation
    settle();
    EXPECT_EQ(set(id, now_off).status, 200U);
    EXPECT_TRUE(read(id).at("paused").as_bool());
    EXPECT_EQ(read(id).at("next_schedule_change_at").as_string(), "2025-11-24T15:00:00Z");
    EXPECT_EQ(read(id).at("next_schedule_change").as_string(), "resume");
    const auto operations = json_of(get(path(id) + "/operations"));
    const auto& newest = operations.at("items").at(0);
    EXPECT_EQ(newest.at("requested_by").as_string(), "schedule");
    EXPECT_EQ(newest.at("kind").as_string(), "pause");
    EXPECT_EQ(patch(id, R"({"paused":false})").status, 202U);
    EXPECT_FALSE(read(id).at("paused").as_bool());
    EXPECT_EQ(set(id, "null").status, 200U);
    EXPECT_FALSE(read(id).at("paused").as_bool());
}

TEST_F(schedules, have_their_next_change_in_a_dry_run) {
    const auto created =
        post(std::string(databases) + "?dry_run=true",
             fmt::format(R"({{"project":"default","engine":"redis","name":"x1","schedule":{}}})",
                         evenings));
    ASSERT_EQ(created.status, 200U) << created.body.to_string();
    EXPECT_EQ(json_of(created).at("database").at("next_schedule_change_at").as_string(),
              "2025-11-24T19:00:00Z");
    const auto id = create_running("cache");
    const auto patched = ask(http::method::patch, path(id) + "?dry_run=true",
                             fmt::format(R"({{"schedule":{}}})", now_off));
    ASSERT_EQ(patched.status, 200U) << patched.body.to_string();
    EXPECT_EQ(json_of(patched).at("database").at("next_schedule_change_at").as_string(),
              "2025-11-24T14:00:00Z");
    EXPECT_FALSE(read(id).at("paused").as_bool());
}

// The next change is a function of the record, so that a cached response stays correct.
TEST_F(schedules, keep_the_etag_until_the_revision_changes) {
    const auto id = create_running("cache");
    set(id, R"({"off":[{"days":["mon"],"from":"14:00","to":"14:15"}]})");
    const auto tag = std::string(get(path(id)).headers.get("ETag"));
    clock_.advance(24h * 2);
    settle();
    EXPECT_EQ(get(path(id), {{"If-None-Match", tag}}).status, 304U);
    set(id, now_off);
    EXPECT_EQ(get(path(id), {{"If-None-Match", tag}}).status, 200U);
}

TEST_F(schedules, accept_the_document_that_a_get_returned) {
    const auto id = create_running("cache");
    set(id, evenings);
    const auto before = read(id);
    const auto response = patch(id, json::serialize(before));
    EXPECT_EQ(response.status, 200U) << response.body.to_string();
    EXPECT_EQ(read(id).at("revision"), before.at("revision"));
}

TEST_F(schedules, report_every_error_with_its_pointer) {
    using names = std::vector<std::string>;
    const auto id = create_running("cache");
    EXPECT_EQ(errors_of(set(id, "7")), (names{"/schedule wrong_type"}));
    EXPECT_EQ(errors_of(set(id, R"({"of":[],"utc_offset":1})")),
              (names{"/schedule/of unknown_field", "/schedule/off no_windows",
                     "/schedule/utc_offset wrong_type"}));
    EXPECT_EQ(errors_of(set(id, R"({"off":{}})")), (names{"/schedule/off wrong_type"}));
    EXPECT_EQ(
        errors_of(set(id, R"({"off":[{"days":["mon",2],"from":"25:00","to":"06:00","x":1}]})")),
        (names{"/schedule/off/0/days/1 wrong_type", "/schedule/off/0/from bad_time",
               "/schedule/off/0/x unknown_field"}));
    const std::string window = R"({"days":["mon"],"from":"20:00","to":"06:00"})";
    std::string windows = window;
    for (int i = 0; i < 20; ++i) windows += "," + window;
    EXPECT_EQ(errors_of(set(id, fmt::format(R"({{"off":[{}]}})", windows))),
              (names{"/schedule/off too_many"}));
    EXPECT_EQ(errors_of(set(id, R"({"off":[{"days":["mon","tue","wed","thu","fri","sat","sun"],)"
                                R"("from":"00:00","to":"00:00"}]})")),
              (names{"/schedule/off always_off"}));
    const auto response = post(databases, R"({"project":"default","engine":"redis","name":"x1",)"
                                          R"("storage":{"type":"ephemeral"},"schedule":{"off":[)" +
                                              window + "]}}");
    EXPECT_EQ(errors_of(response), (names{"/schedule unsupported"}));
}

TEST_F(schedules, have_rows_in_the_audit_log) {
    const auto id = create_running("cache");
    set(id, now_off);
    clock_.advance(1s);
    settle();
    const auto rows = json_of(get("/api/v1/audit?actor=schedule&outcome=success"));
    ASSERT_EQ(rows.at("items").as_array().size(), 1U);
    const auto& row = rows.at("items").at(0);
    EXPECT_EQ(row.at("object").as_string(), id);
    EXPECT_EQ(row.at("action").as_string(), "patch_database");
}

}  // namespace
