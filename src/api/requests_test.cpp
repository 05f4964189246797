// Requests in the forms that clients and proxies send: pages, repeated parameters, entity tags that
// a proxy changed, other spellings of a path.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "api/routes.hpp"
#include "http/gzip.hpp"
#include "json/json.hpp"
#include "test/support/api_stage.hpp"

namespace {

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

TEST_F(api_requests, every_list_has_pages_and_an_etag) {
    const auto id = create("cache");
    create("other");
    post("/api/v1/projects", R"({"name":"shop"})");
    create_api_key();
    create_api_key();
    for (const auto* subject : {"ada", "ben"}) {
        create_user(subject);
        ask(http::method::put, std::string("/api/v1/projects/default/members/") + subject,
            R"({"role":"viewer"})");
    }
    for (const auto* account : {"default", "other"}) create_service_account(account);
    for (const auto* key : {"a", "b"}) {
        post("/api/v1/service-accounts/default/api-keys", fmt::format(R"({{"name":"{}"}})", key));
    }
    cluster_.report_events("cache", {event_after(1s), event_after(2s), event_after(3s)});
    settle();
    std::size_t lists = 0;
    for (const auto& route : api::all_routes()) {
        if (!route.response.ends_with("List")) continue;
        ++lists;
        const auto path = path_of(route, id);
        const auto all = get(path);
        ASSERT_EQ(all.status, 200U) << path;
        const auto document = json_of(all);
        const auto& items = document.at("items").as_array();
        const auto* member = items.at(0).as_object().contains("id")        ? "id"
                             : items.at(0).as_object().contains("name")    ? "name"
                             : items.at(0).as_object().contains("engine")  ? "engine"
                             : items.at(0).as_object().contains("subject") ? "subject"
                                                                           : "reason";
        EXPECT_EQ(paged(path, member), whole(path, member)) << path;
        EXPECT_EQ(json_of(get(path + "?limit=1")).at("total").as_int64(),
                  static_cast<std::int64_t>(items.size()))
            << path;
        for (const auto* bad : {"?limit=0", "?limit=501", "?limit=x", "?cursor=zz", "?cursor=00"}) {
            EXPECT_EQ(get(path + bad).status, 400U) << path << bad;
        }
        const std::string tag(all.headers.get("ETag"));
        EXPECT_FALSE(tag.empty()) << path;
        EXPECT_EQ(get(path, {{"If-None-Match", tag}}).status, 304U) << path;
    }
    EXPECT_EQ(lists, 13U);
}

TEST_F(api_requests, pages_of_events_are_stable_while_events_arrive) {
    const auto path = "/api/v1/databases/" + create("cache") + "/events";
    cluster_.report_events("cache", {event_after(1s), event_after(2s), event_after(3s)});
    settle();
    const auto reasons = paged(path, "reason", [&] {
        auto again = event_after(9s);
        again.reason = "After3";
        cluster_.report_events("cache", {event_after(1s), event_after(2s), again});
        settle();
    });
    EXPECT_EQ(reasons, (std::vector<std::string>{"After3", "After2", "After1"}));
}

TEST_F(api_requests, pages_of_versions_report_a_version_that_is_gone) {
    const std::string path = "/api/v1/engines/redis/versions";
    auto next = std::make_shared<ports::catalogue>(cluster_.current_catalogue());
    auto& versions = next->engines["redis"];
    versions = {{.name = "7.2", .version = "7.2"}, {.name = "7.0", .version = "7.0"}};
    cluster_.set_catalogue(next);
    settle();
    const std::string cursor(json_of(get(path + "?limit=1")).at("next_cursor").as_string());
    auto last = std::make_shared<ports::catalogue>(*next);
    last->engines["redis"] = {{.name = "7.0", .version = "7.0"}};
    cluster_.set_catalogue(last);
    settle();
    const auto response = get(path + "?cursor=" + cursor);
    EXPECT_EQ(response.status, 400U);
    EXPECT_TRUE(response.body.to_string().contains("no longer exists"));
    EXPECT_EQ(get("/api/v1/engines?cursor=" + cursor).status, 400U);  // of another list
}

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

TEST_F(api_requests, an_operation_has_an_etag) {
    create("cache");
    const std::string id(json_of(get("/api/v1/operations")).at("items").at(0).at("id").as_string());
    const auto path = "/api/v1/operations/" + id;
    const std::string tag(get(path).headers.get("ETag"));
    EXPECT_FALSE(tag.empty());
    EXPECT_EQ(get(path, {{"If-None-Match", tag}}).status, 304U);
    cluster_.report("cache", domain::observed_phase::ready);
    settle();
    EXPECT_EQ(get(path, {{"If-None-Match", tag}}).status, 200U);
}

TEST_F(api_requests, percent_encoded_unreserved_characters_match_the_route) {
    const auto id = create("cache");
    EXPECT_EQ(get("/api/v1/%64atabases").status, 200U);
    EXPECT_EQ(get("/%61pi/v1/databases/%64b" + id.substr(2) + "/st%61tus").status, 200U);
    EXPECT_EQ(get("/api/v1/databases%2F" + id).status, 404U);  // a reserved character
    EXPECT_EQ(get("/api/v1/%zz").status, 404U);
    EXPECT_EQ(get("/api/v1/databases/%6").status, 400U);
    EXPECT_EQ(ask(http::method::put, "/api/v1/%64atabases").headers.get("Allow"),
              "GET, HEAD, POST, OPTIONS");
}

TEST_F(api_requests, a_rejected_method_is_named_as_received) {
    const auto response =
        answer({.verb = http::method::other, .verb_text = "PURGE", .target = "/api/v1/databases"})
            .response;
    EXPECT_EQ(response.status, 405U);
    EXPECT_TRUE(response.body.to_string().contains("method PURGE is not supported"))
        << response.body.to_string();
}

TEST_F(api_requests, a_body_is_accepted_by_its_coding_and_charset) {
    const std::string path = "/api/v1/projects?dry_run=true";
    const std::string body = R"({"name":"shop"})";
    const auto status = [&](const http::headers& headers, const std::string& bytes) {
        return post(path, bytes, headers).status;
    };
    EXPECT_EQ(status({{"Content-Encoding", "identity"}}, body), 200U);
    EXPECT_EQ(status({{"Content-Encoding", "GZIP"}}, http::gzip(body)), 200U);
    EXPECT_EQ(status({{"Content-Encoding", "x-gzip"}}, http::gzip(body)), 200U);
    EXPECT_EQ(status({{"Content-Encoding", "gzip"}}, body), 400U);
    EXPECT_EQ(status({{"Content-Encoding", "gzip"}}, http::gzip(std::string(2'000'000, ' '))),
              413U);
    for (const auto* other : {"br", "deflate", "gzip, gzip", "gzip, br", "utf-8"}) {
        const auto response = post(path, body, {{"Content-Encoding", other}});
        EXPECT_EQ(response.status, 415U) << other;
        EXPECT_EQ(response.headers.get("Accept-Encoding"), "gzip, identity") << other;
    }
    for (const auto* type :
         {"application/json; charset=utf-8", "application/json;CHARSET=\"UTF-8\"",
          "application/json; a=b; charset=utf8", "application/json; a=charset"}) {
        EXPECT_EQ(status({{"Content-Type", type}}, body), 200U) << type;
    }
    for (const auto* type :
         {"application/json; charset=utf-16", "application/json;a=b;charset=\"iso-8859-1\"",
          "application/json; charset="}) {
        EXPECT_EQ(status({{"Content-Type", type}}, body), 415U) << type;
    }
}

// nginx makes a tag weak and Apache appends a suffix when they compress a response.
TEST_F(api_requests, entity_tags_that_a_proxy_changed_match) {
    const auto path = "/api/v1/databases/" + create("cache");
    for (const auto& target : {path, path + "/metrics", std::string("/api/v1/databases"),
                               std::string("/api/v1/projects/default")}) {
        const std::string tag(get(target).headers.get("ETag"));
        const bool is_weak = tag.starts_with("W/");
        const auto strong = is_weak ? tag.substr(2) : tag;
        for (const auto* suffix : {"", "-gzip", "--gzip", "-br", "-zstd"}) {
            const auto changed = strong.substr(0, strong.size() - 1) + suffix + "\"";
            for (const auto& tag_in_request : {changed, "W/" + changed, "\"1\", " + changed}) {
                EXPECT_EQ(get(target, {{"If-None-Match", tag_in_request}}).status, 304U)
                    << target << tag_in_request;
            }
        }
        for (const auto* suffix : {"-", "-x", "gzip", "-gzip2"}) {
            const auto other = strong.substr(0, strong.size() - 1) + suffix + "\"";
            EXPECT_EQ(get(target, {{"If-None-Match", other}}).status, 200U) << target << other;
        }
    }
    for (const std::string prefix : {"", "W/"}) {
        for (const std::string suffix : {"", "-gzip", "-br"}) {
            const std::string tag(get(path).headers.get("ETag"));
            const auto tag_in_request = prefix + tag.substr(0, tag.size() - 1) + suffix + "\"";
            EXPECT_EQ(patch(path, tag_in_request).status, 200U) << tag_in_request;
        }
    }
}

// The revisions of the second object are those of the first one.
TEST_F(api_requests, if_match_rejects_the_tag_of_an_earlier_object_of_the_name) {
    struct kind {
        std::string list;
        std::string body;
        http::method verb;
        std::string change;
    };
    const std::string role = R"({"name":"shop","permissions":["projects.read"]})";
    for (const auto& [list, body, verb, change] :
         {kind{"/api/v1/projects", R"({"name":"shop"})", http::method::patch, R"({"labels":{}})"},
          kind{"/api/v1/roles", role, http::method::put, role}}) {
        const auto path = list + "/shop";
        const auto put = [&](const std::string& tag) {
            return ask(verb, path, change, {{"If-Match", tag}});
        };
        const std::string first(post(list, body).headers.get("ETag"));
        EXPECT_EQ(get(path).headers.get("ETag"), first);
        EXPECT_EQ(ask(http::method::get, path, "", {{"If-None-Match", first}}).status, 304U);
        EXPECT_EQ(put(first).status, 200U) << path;
        EXPECT_EQ(put("W/" + first).status, 200U) << path;
        EXPECT_EQ(ask(http::method::del, path).status, 204U);
        clock_.advance(1ms);
        const std::string second(post(list, body).headers.get("ETag"));
        EXPECT_NE(second, first);
        EXPECT_EQ(first.substr(0, 3), "\"1-");
        EXPECT_EQ(second.substr(0, 3), "\"1-");
        EXPECT_EQ(ask(http::method::get, path, "", {{"If-None-Match", first}}).status, 200U);
        for (const auto& tag :
             {first, "W/" + first, std::string("\"1\""), second.substr(0, 19) + "\""}) {
            const auto rejected = put(tag);
            EXPECT_EQ(rejected.status, 412U) << path << ' ' << tag;
            EXPECT_EQ(code_of(rejected), "revision_mismatch");
            EXPECT_TRUE(rejected.body.to_string().contains("read the object again"));
        }
        EXPECT_EQ(put("\"2-x\", " + second).status, 200U) << path;
    }
    const std::string projects = "/api/v1/projects/shop";
    const std::string tag(get(projects).headers.get("ETag"));
    EXPECT_EQ(ask(http::method::del, projects, "", {{"If-Match", "\"1\""}}).status, 412U);
    EXPECT_EQ(ask(http::method::del, projects, "", {{"If-Match", tag}}).status, 204U);
}

TEST_F(api_requests, if_match_accepts_a_revision_alone_for_ids_that_are_not_used_again) {
    const auto path = "/api/v1/databases/" + create("cache");
    const std::string tag(get(path).headers.get("ETag"));
    const auto revision = tag.substr(0, tag.find('-')) + "\"";
    EXPECT_EQ(patch(path, revision).status, 200U) << revision;
    EXPECT_EQ(patch(path, revision).status, 412U) << revision;
}

TEST_F(api_requests, if_match_without_a_revision_reports_the_cause) {
    const auto path = "/api/v1/databases/" + create("cache");
    const std::string list_tag(get(databases).headers.get("ETag"));
    for (const auto& tag : {list_tag, std::string("W/\"1\""), std::string("\"abc\"")}) {
        const auto response = patch(path, tag);
        EXPECT_EQ(response.status, 412U) << tag;
        EXPECT_EQ(code_of(response), "revision_mismatch") << tag;
        const auto text = response.body.to_string();
        EXPECT_FALSE(text.contains("current revision")) << text;
        EXPECT_TRUE(text.contains("If-Match: ")) << text;
    }
    const auto other = patch(path, "\"77-0123456789abcdef\"");
    EXPECT_EQ(other.status, 412U);
    EXPECT_TRUE(other.body.to_string().contains("current revision")) << other.body.to_string();
}

TEST_F(api_requests, responses_vary_by_origin_if_cors_is_configured) {
    const auto varies = [](const http::response& response) {
        std::string joined;
        for (const auto& header : response.headers.items()) {
            if (header.name == "Vary") joined += header.value + ",";
        }
        return joined.contains("Origin");
    };
    EXPECT_FALSE(varies(get(databases)));
    for (const std::string allowed : {"https://ui.example", "*"}) {
        stop();
        start({.cors_origins = {allowed}});
        EXPECT_TRUE(varies(get(databases)));
        EXPECT_TRUE(varies(get("/no/such/path")));
        EXPECT_TRUE(varies(get(databases, {{"Origin", "https://ui.example"}})));
        EXPECT_TRUE(varies(get(databases, {{"Origin", "https://other.example"}})));
        EXPECT_TRUE(varies(ask(http::method::options, databases)));
    }
}

TEST_F(api_requests, a_page_of_an_allowed_origin_may_send_a_traceparent) {
    stop();
    start({.cors_origins = {"https://ui.example"}});
    const auto response =
        ask(http::method::options, databases, {}, {{"Origin", "https://ui.example"}});
    EXPECT_TRUE(response.headers.get("Access-Control-Allow-Headers").contains("traceparent"));
}

TEST_F(api_requests, a_stream_resumes_from_a_query_parameter) {
    create("cache");
    const auto first = snapshot();
    const auto begin = first.rfind("id: ") + 4;
    const auto id = first.substr(begin, first.find('\n', begin) - begin);
    const auto path = [&](const std::string& query) { return "/api/v1/stream?" + query; };
    for (const auto& query : {"lastEventId=" + id, "Last-Event-ID=" + id}) {
        EXPECT_FALSE(snapshot_of(path(query)).contains("event: snapshot")) << query;
    }
    const auto stale = snapshot_of(path("lastEventId=another-5"));
    EXPECT_TRUE(stale.contains("event: reset\n")) << stale;
    // The header is of the reconnect and the parameter of the first request.
    EXPECT_FALSE(snapshot_of(path("lastEventId=another-5"), {{"Last-Event-ID", id}})
                     .contains("event: reset"));
    const auto fresh = snapshot_of(path("lastEventId="));
    EXPECT_TRUE(fresh.contains("event: snapshot")) << fresh;
    EXPECT_FALSE(fresh.contains("event: reset")) << fresh;
    for (const std::string bad :
         {"x=1", "lastEventId=a&lastEventId=b", "lastEventId=a&Last-Event-ID=b", "limit=1"}) {
        EXPECT_EQ(get(path(bad)).status, 400U) << bad;
    }
}

// A proxy forwards the head of a response with its first bytes.
TEST_F(api_requests, a_stream_starts_with_a_comment_and_is_not_buffered) {
    const auto outgoing = answer({.target = "/api/v1/stream"});
    EXPECT_EQ(outgoing.response.headers.get("X-Accel-Buffering"), "no");
    EXPECT_EQ(outgoing.response.headers.get("Cache-Control"), "no-store, no-transform");
    EXPECT_TRUE(snapshot().starts_with(": ")) << snapshot();
    EXPECT_TRUE(snapshot({{"Last-Event-ID", "another-5"}}).starts_with(": "));
}

}  // namespace
