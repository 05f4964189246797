// The audit log through the whole API.

#include <gtest/gtest.h>

#include "app/audit/audit_trail.hpp"
#include "json/json_access.hpp"
#include "test/support/api_stage.hpp"

namespace {

using namespace std::chrono_literals;

class audit : public fakes::api_handler {
  protected:
    void SetUp() override {
        authenticator_.add({.subject = "ada", .is_administrator = true, .credential = "key:k1"});
        authenticator_.add({.subject = "ben", .roles = {{"default", domain::role::viewer}}});
        authenticator_.add_anonymous({.subject = "local-admin", .is_administrator = true});
        start();
    }
    static http::headers as(const std::string& name) {
        return {{"Authorization", "Bearer " + name}, {"User-Agent", "curl\r\n{\"actor\":\"x\"}"}};
    }
    void flush() {
        settle();
        clock_.advance(1s);
        settle();
    }
    json::array rows(const std::string& query = "") {
        flush();
        const auto response = get("/api/v1/audit?limit=1000" + query);
        EXPECT_EQ(response.status, 200U) << response.body.to_string();
        return json_of(response).at("items").as_array();
    }
    // Returns kind, project and object of the only row.
    static std::string form_of(const json::array& rows) {
        if (rows.size() != 1) return fmt::format("{} rows", rows.size());
        const auto& row = rows[0].as_object();
        return fmt::format("{} {} {}", json::text_at(row, "kind"), json::text_at(row, "project"),
                           json::text_at(row, "object"));
    }
    std::string all_text() {
        flush();
        return get("/api/v1/audit?limit=1000", {{"Accept", "application/x-ndjson"}})
            .body.to_string();
    }
};

TEST_F(audit, has_a_row_before_and_after_every_write_and_read_of_credentials) {
    const auto id = create("orders");
    create_api_key();
    for (const auto& route : api::all_routes()) {
        if (!api::is_audited(route) || route.access.is_public()) continue;
        auto headers = as("ada");
        const auto path = path_of(route, id);
        post("/api/v1/users", R"({"name":"default"})");  // an earlier route deletes it
        const auto before = rows(fmt::format("&action={}", route.name)).size();
        ask(route.verb, path, route.body.empty() ? "" : "{}", headers);
        const auto after = rows(fmt::format("&action={}", route.name));
        ASSERT_EQ(after.size(), before + 2) << route.name;
        const auto& started = after[before].as_object();
        const auto& ended = after[before + 1].as_object();
        EXPECT_EQ(started.at("outcome").as_string(), "started") << route.name;
        EXPECT_NE(ended.at("outcome").as_string(), "started") << route.name;
        EXPECT_EQ(started.at("id").as_string(), ended.at("id").as_string());
        EXPECT_EQ(ended.at("actor").as_string(), "ada");
        EXPECT_EQ(ended.at("via").as_string(), "key:k1");
        EXPECT_NE(ended.at("kind").as_string(), "") << route.name;
    }
}

TEST_F(audit, names_kind_project_and_object_in_one_form) {
    struct row {
        http::method verb;
        std::string path;
        std::string body;
        const char* action;
        const char* expected;  // kind, project and object
    };
    using enum http::method;
    const std::vector<row> acts{
        {post, "/api/v1/projects", R"({"name":"shop"})", "create_project", "project shop shop"},
        {patch, "/api/v1/projects/shop", R"({"display_name":"Shop"})", "patch_project",
         "project shop shop"},
        {put, "/api/v1/projects/shop/members/zoe", R"({"role":"viewer"})", "put_member",
         "member shop zoe"},
        {post, "/api/v1/users", R"({"name":"zoe"})", "create_user", "user  zoe"},
        {patch, "/api/v1/users/zoe", R"({"email":"z@example.com"})", "patch_user", "user  zoe"},
        {post, "/api/v1/users/zoe/sessions:revoke", "", "revoke_user_sessions", "user  zoe"},
        {post, "/api/v1/roles", R"({"name":"reader","permissions":["projects.read"]})",
         "create_role", "role  reader"},
        {del, "/api/v1/roles/reader", "", "delete_role", "role  reader"},
        {del, "/api/v1/projects/shop/members/zoe", "", "delete_member", "member shop zoe"},
    };
    for (const auto& act : acts) {
        const auto response = ask(act.verb, act.path, act.body, as("ada"));
        ASSERT_LT(response.status, 300U) << act.action << response.body.to_string();
        EXPECT_EQ(form_of(rows(fmt::format("&outcome=success&action={}", act.action))),
                  act.expected)
            << act.action;
    }
}

TEST_F(audit, names_the_project_of_a_key_that_is_limited_to_one) {
    const auto key =
        json_of(post("/api/v1/api-keys", R"({"name":"ci","projects":["default"]})", as("ada")));
    const auto id = std::string(key.at("api_key").at("id").as_string());
    EXPECT_EQ(form_of(rows("&outcome=success&action=create_api_key")), "api_key default " + id);
    EXPECT_EQ(ask(http::method::del, "/api/v1/api-keys/" + id, "", as("ada")).status, 204U);
    EXPECT_EQ(form_of(rows("&outcome=success&action=revoke_api_key")), "api_key default " + id);
}

TEST_F(audit, names_the_service_account_and_the_key) {
    const std::string path = "/api/v1/service-accounts/ci/api-keys";
    ASSERT_EQ(
        post("/api/v1/service-accounts", R"({"name":"ci","project":"default"})", as("ada")).status,
        201U);
    const auto key = json_of(post(path, R"({"name":"pipeline"})", as("ada")));
    const auto id = std::string(key.at("api_key").at("id").as_string());
    const auto expected = "api_key default ci/" + id;
    const std::string created = "&action=create_service_account_key&outcome=";
    EXPECT_EQ(form_of(rows(created + "started")), "api_key default ci");
    EXPECT_EQ(form_of(rows(created + "success")), expected);
    EXPECT_EQ(ask(http::method::del, path + "/" + id, "", as("ada")).status, 204U);
    for (const std::string outcome : {"started", "success"}) {
        EXPECT_EQ(form_of(rows("&action=revoke_service_account_key&outcome=" + outcome)), expected);
    }
    EXPECT_EQ(post(path, R"({"name":""})", as("ada")).status, 422U);
    EXPECT_EQ(form_of(rows(created + "rejected")), "api_key default ci");
}

TEST_F(audit, names_project_and_object_of_a_new_database) {
    const auto id = create("orders");
    const auto found_rows = rows("&outcome=success&database=" + id);
    ASSERT_EQ(found_rows.size(), 1U);
    EXPECT_EQ(found_rows[0].at("kind").as_string(), "database");
    EXPECT_EQ(found_rows[0].at("action").as_string(), "create_database");
    EXPECT_EQ(found_rows[0].at("project").as_string(), "default");
    EXPECT_EQ(found_rows[0].at("via").as_string(), "local");
    EXPECT_EQ(found_rows[0].at("request_digest").as_string().size(), 64U);
}

TEST_F(audit, is_exported_as_comma_separated_values) {
    create("orders");
    flush();
    const auto first = get("/api/v1/audit?limit=1", {{"Accept", "text/csv"}});
    EXPECT_EQ(first.headers.get("Content-Type"), "text/csv");
    const auto text = first.body.to_string();
    EXPECT_TRUE(text.starts_with("at,id,outcome,action,")) << text;
    EXPECT_TRUE(text.contains(",started,create_database,local-admin,local,,,req-")) << text;
    const auto cursor = std::string(first.headers.get("X-Next-Cursor"));
    const auto second = get("/api/v1/audit?cursor=" + cursor, {{"Accept", "text/csv"}});
    EXPECT_FALSE(second.body.to_string().contains("at,id")) << "the first page has the header";
    EXPECT_TRUE(second.body.to_string().contains(",success,create_database,"));
}

TEST_F(audit, rejects_a_write_that_cannot_be_audited) {
    store_.fail_next(1);
    const auto response = post("/api/v1/projects", R"({"name":"shop"})");
    EXPECT_EQ(response.status, 503U);
    EXPECT_TRUE(response.body.to_string().contains("audit")) << response.body.to_string();
    EXPECT_EQ(get("/api/v1/projects/shop").status, 404U);
}

TEST_F(audit, never_fails_a_write_whose_second_row_cannot_be_written) {
    const auto response = post("/api/v1/projects", R"({"name":"shop"})");
    EXPECT_EQ(response.status, 201U);
    store_.fail_next(1);
    for (int i = 0; i < 5; ++i) flush();
    EXPECT_EQ(rows("&outcome=success&action=create_project").size(), 1U);
}

TEST_F(audit, has_one_row_per_minute_about_a_denied_caller) {
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(post("/api/v1/users", R"({"name":"x"})", as("ben")).status, 403U);
    }
    const auto denied = rows("&outcome=denied");
    ASSERT_EQ(denied.size(), 1U);
    EXPECT_EQ(denied[0].at("actor").as_string(), "ben");
    EXPECT_EQ(denied[0].at("status").as_int64(), 403);
    EXPECT_TRUE(
        registry_->expose().contains("dbaas_denials_total{permission=\"users.create\"} 10"));
}

TEST_F(audit, is_closed_to_callers_without_the_permission) {
    EXPECT_EQ(get("/api/v1/audit", as("ben")).status, 403U);
    EXPECT_EQ(get("/api/v1/audit?limit=0").status, 400U);
    EXPECT_EQ(get("/api/v1/audit?from=yesterday").status, 400U);
    EXPECT_EQ(get("/api/v1/audit?cursor=" + std::string(500, 'a')).status, 400U);
    EXPECT_EQ(get("/api/v1/audit?cursor=%C3%8A").status, 400U);
}

TEST_F(audit, has_no_secret_and_no_forged_line) {
    constexpr const char* password = "correct horse battery";
    ASSERT_EQ(post("/api/v1/users", fmt::format(R"({{"name":"zoe","password":"{}"}})", password),
                   as("ada"))
                  .status,
              201U);
    const auto key = json_of(post("/api/v1/api-keys", R"({"name":"ci"})", as("ada")));
    const auto text = all_text();
    EXPECT_FALSE(text.contains(password));
    EXPECT_FALSE(text.contains(key.at("key").as_string()));
    EXPECT_FALSE(text.contains('\r'));
    app::audit_verifier verifier;
    std::size_t count = 0;
    for (std::size_t begin = 0; begin < text.size();) {
        const auto end = text.find('\n', begin);
        verifier.add(text.substr(begin, end - begin));
        begin = end + 1;
        ++count;
    }
    EXPECT_EQ(verifier.finish().rows, count);
    EXPECT_EQ(count, 4U);
}

}  // namespace
