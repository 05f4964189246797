// Requests in the forms that clients and proxies send: pages, repeated parameters, entity tags that
// a proxy changed, other spellings of a path.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "api/routes.hpp"
#include "http/gzip.hpp"
#include "test/support/api_stage.hpp"

namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

class api_requests : public fakes::api_handler {
  protected:
    domain::event event_after(std::chrono::seconds delay) {
        const auto time = clock_.utc_now() + delay;
        return {.type = "Warning",
                .reason = fmt::format("After{}", delay.count()),
                .message = "text",
                .object = "Pod/cache-0",
                .first_seen = time,
                .last_seen = time};
    }
    // Reads a list page by page with one item each. Calls `between` after the first page.
    std::vector<std::string> paged(
        const std::string& path, const std::string& member,
        const std::function<void()>& between = [] {}) {
        std::vector<std::string> values;
        std::string cursor;
        for (int pages = 0; pages < 100; ++pages) {
            auto target = path + "?limit=1";
            if (!cursor.empty()) target += "&cursor=" + cursor;
            const auto response = get(target);
            EXPECT_EQ(response.status, 200U) << target << response.body.to_string();
            if (response.status != 200) break;
            const auto document = json_of(response);
            for (const auto& item : document.at("items").as_array()) {
                values.emplace_back(item.at(member).as_string());
            }
            if (pages == 0) between();
            const auto& next = document.at("next_cursor");
            if (!next.is_string()) break;
            cursor = next.as_string();
        }
        return values;
    }
    // Returns the values of a member in a list without a cursor.
    std::vector<std::string> whole(const std::string& path, const std::string& member) {
        std::vector<std::string> values;
        const auto document = json_of(get(path));
        for (const auto& item : document.at("items").as_array()) {
            values.emplace_back(item.at(member).as_string());
        }
        return values;
    }
    http::response patch(const std::string& path, const std::string& if_match) {
        return ask(http::method::patch, path, R"({"labels":{"a":"b"}})", {{"If-Match", if_match}});
    }
};

TEST_F(api_requests, a_repeated_parameter_with_a_single_value_is_rejected) {
    const auto path = "/api/v1/databases/" + create("cache");
    for (const auto& target :
         {std::string(databases) + "?limit=1&limit=2", std::string(databases) + "?q=a&q=a",
          std::string(databases) + "?sort=name&sort=-name",
          std::string("/api/v1/operations?phase=failed&phase=queued"),
          std::string("/api/v1/projects?limit=1&%6Cimit=1"),
          path + "/events?cursor=&cursor=", path + "/metrics/history?metric=up&metric=up",
          path + "/metrics/history?metric=up&step=60&step=10"}) {
        const auto response = get(target);
        EXPECT_EQ(response.status, 400U) << target;
        EXPECT_TRUE(response.body.to_string().contains("given twice"))
            << target << response.body.to_string();
    }
    EXPECT_EQ(ask(http::method::del, path + "?dry_run=true&dry_run=false").status, 400U);
    EXPECT_EQ(
        get(std::string(databases) + "?status=running&status=failed&label=a=b&label=c=d").status,
        200U);
}

}  // namespace
