// API keys that a client has put where other texts belong, and other mistakes in bodies.

#include <gtest/gtest.h>

#include <algorithm>

#include "test/support/api_stage.hpp"

namespace {

using http::method;

class pasted_keys : public fakes::api_handler {
  protected:
    // Expects that neither the response, the log nor the audit log contains the key.
    void expect_absent(const http::response& response, const std::string& name) {
        EXPECT_FALSE(response.body.to_string().contains(key_)) << name;
        settle();
        clock_.advance(std::chrono::seconds(1));
        settle();
        for (const auto& line : log_.lines()) EXPECT_FALSE(line.contains(key_)) << name;
        const auto rows =
            get("/api/v1/audit?limit=500", {{"Accept", "application/x-ndjson"}}).body.to_string();
        EXPECT_FALSE(rows.contains(key_)) << name;
    }
    const std::string key_ = app::key_registry::new_key_text().reveal();
};

TEST_F(pasted_keys, are_rejected_in_every_text_of_a_body) {
    struct row {
        const char* path;
        std::string body;  // KEY is the key
        const char* pointer;
    };
    const std::vector<row> rows{
        {"/api/v1/users", R"({"name":"KEY"})", "/name"},
        {"/api/v1/users", R"({"name":"ada","email":"KEY@example.com"})", "/email"},
        {"/api/v1/users", R"({"name":"ada","password":"KEY"})", "/password"},
        {"/api/v1/projects", R"({"name":"shop","display_name":"my key is KEY"})", "/display_name"},
        {"/api/v1/projects", R"({"name":"shop","labels":{"KEY":"x"}})", "/labels"},
        {"/api/v1/projects", R"({"name":"shop","labels":{"x":"KEY"}})", "/labels/x"},
        {"/api/v1/projects", R"({"name":"shop","KEY":1})", ""},
        {"/api/v1/api-keys", R"({"name":"ci","subject":"KEY"})", "/subject"},
        {"/api/v1/api-keys", R"({"name":"KEY"})", "/name"},
        {"/api/v1/api-keys", R"({"name":"ci","projects":["a","KEY"]})", "/projects/1"},
        {"/api/v1/roles", R"({"name":"r","description":"KEY"})", "/description"},
        {databases, R"({"project":"default","engine":"redis","name":"KEY"})", "/name"},
        {"/api/v1/auth/login", R"({"username":"KEY","password":"x"})", "/username"},
        {"/api/v1/auth/can", R"([{"permission":"KEY"}])", "/0/permission"},
    };
    for (const auto& row : rows) {
        auto body = row.body;
        body.replace(body.find("KEY"), 3, key_);
        const auto response = post(row.path, body);
        EXPECT_EQ(response.status, 422U) << row.body;
        const auto errors = json_of(response).at("errors").as_array();
        ASSERT_EQ(errors.size(), 1U) << row.body;
        EXPECT_EQ(errors[0].at("pointer").as_string(), row.pointer) << row.body;
        EXPECT_EQ(errors[0].at("code").as_string(), "credential") << row.body;
        expect_absent(response, row.body);
    }
}

TEST_F(pasted_keys, are_found_behind_escapes) {
    const auto response = post("/api/v1/users", R"({"name":"\u0064)" + key_.substr(1) + R"("})");
    EXPECT_EQ(response.status, 422U);
    expect_absent(response, "escape");
}

TEST_F(pasted_keys, are_rejected_in_paths) {
    for (const auto& path : {"/api/v1/api-keys/" + key_, "/api/v1/users/" + key_,
                             "/api/v1/databases/" + key_, "/api/v1/users/%64" + key_.substr(1)}) {
        for (const auto verb : {method::get, method::del}) {
            const auto response = ask(verb, path);
            EXPECT_EQ(response.status, 400U) << path;
            EXPECT_EQ(code_of(response), "credential_in_path");
            expect_absent(response, "path");
        }
    }
    const auto member =
        ask(method::put, "/api/v1/projects/default/members/" + key_, R"({"role":"viewer"})");
    EXPECT_EQ(code_of(member), "credential_in_path");
    expect_absent(member, "member");
}

TEST_F(pasted_keys, are_neither_request_ids_nor_user_agents_nor_idempotency_keys) {
    const auto response = post("/api/v1/projects", R"({"name":"shop"})",
                               {{"X-Request-Id", key_}, {"User-Agent", "curl " + key_}});
    EXPECT_EQ(response.status, 201U);
    EXPECT_TRUE(response.headers.get("X-Request-Id").starts_with("req-"));
    expect_absent(response, "header");
    const auto rejected =
        post("/api/v1/projects", R"({"name":"shop2"})", {{"Idempotency-Key", key_}});
    EXPECT_EQ(rejected.status, 400U);
    expect_absent(rejected, "Idempotency-Key");
}

class request_bodies : public fakes::api_handler {};

TEST_F(request_bodies, reject_repeated_members_on_every_route) {
    const auto id = create("orders");
    create_api_key();
    create_user("default");
    create_service_account("default");
    const auto role =
        post("/api/v1/roles", R"({"name":"default","permissions":["projects.read"]})");
    ASSERT_EQ(role.status, 201U) << role.body.to_string();
    std::size_t count = 0;
    for (const auto& route : api::all_routes()) {
        const bool needs_issuer = route.id == api::endpoint::start_device_login ||
                                  route.id == api::endpoint::finish_device_login;
        if (route.body.empty() || needs_issuer) continue;
        const bool is_list = route.id == api::endpoint::check_access;
        const std::string members = R"({"x":1,"x":2})";
        const auto response =
            ask(route.verb, path_of(route, id), is_list ? "[" + members + "]" : members);
        ASSERT_EQ(response.status, 422U) << route.name << response.body.to_string();
        const auto errors = json_of(response).at("errors").as_array();
        EXPECT_TRUE(std::ranges::any_of(
            errors,
            [&](const json::value& error) {
                return error.at("code").as_string() == "repeated_field" &&
                       error.at("pointer").as_string() == (is_list ? "/0/x" : "/x");
            }))
            << route.name << response.body.to_string();
        ++count;
    }
    EXPECT_GT(count, 15U);
}

}  // namespace
