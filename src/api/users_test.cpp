// The API of users, over HTTP requests.

#include <gtest/gtest.h>

#include "test/support/api_stage.hpp"

namespace {

using http::method;

class api_users : public fakes::api_handler {
  protected:
    http::response create_with_password(const std::string& name) {
        return post("/api/v1/users",
                    fmt::format(R"({{"name":"{}","email":"{}@example.com","role":"admin",)"
                                R"("password":"correct horse"}})",
                                name, name));
    }
    http::response patch(const std::string& name, std::string body) {
        return ask(method::patch, "/api/v1/users/" + name, std::move(body));
    }
};

TEST_F(api_users, creates_reads_changes_and_deletes_users) {
    const auto created = create_with_password("ada");
    EXPECT_EQ(created.status, 201U) << created.body.to_string();
    EXPECT_EQ(created.headers.get("Location"), "/api/v1/users/ada");
    const auto document = json_of(created);
    EXPECT_EQ(document.at("email"), "ada@example.com");
    EXPECT_EQ(document.at("role"), "admin");
    EXPECT_EQ(document.at("has_password"), true);
    EXPECT_EQ(document.at("created_by"), "local-admin");
    EXPECT_EQ(create_with_password("ada").status, 409U);
    create_user("ben");
    EXPECT_EQ(json_of(get("/api/v1/users")).at("total"), 2);
    const std::string etag(get("/api/v1/users/ben").headers.get("ETag"));
    EXPECT_EQ(get("/api/v1/users/ben", {{"If-None-Match", etag}}).status, 304U);
    EXPECT_EQ(json_of(patch("ben", R"({"email":"b@c","state":"disabled"})")).at("state"),
              "disabled");
    EXPECT_EQ(json_of(patch("ben", R"({"email":null})")).at("email"), json::value());
    EXPECT_EQ(ask(method::del, "/api/v1/users/ben").status, 204U);
    EXPECT_EQ(get("/api/v1/users/ben").status, 404U);
}

TEST_F(api_users, are_created_once) {
    create_user("ada");
    const auto response = post("/api/v1/users", R"({"name":"ada"})");
    EXPECT_EQ(response.status, 409U);
    EXPECT_EQ(json_of(response).at("detail"), "there is a user 'ada' already");
    EXPECT_EQ(json_of(ask(method::patch, "/api/v1/users/eve", R"({"email":null})")).at("detail"),
              "there is no user 'eve'");
}

TEST_F(api_users, keeps_the_last_administrator) {
    create_with_password("ada");
    for (const auto* body : {R"({"role":"none"})", R"({"state":"disabled"})"}) {
        const auto response = patch("ada", body);
        EXPECT_EQ(response.status, 409U);
        EXPECT_EQ(code_of(response), "last_administrator");
    }
    EXPECT_EQ(ask(method::del, "/api/v1/users/ada").status, 409U);
}

TEST_F(api_users, never_repeat_a_password) {
    constexpr const char* secret = "kestrel lamp 42";
    std::vector<http::response> responses;
    for (const auto* body : {R"({"name":"a b","password":"kestrel lamp 42"})",
                             R"({"name":"ada","password":["kestrel lamp 42"]})",
                             R"({"name":"ada","pasword":"kestrel lamp 42"})",
                             R"({"name":"ada","password":"kestrel lamp 42",})",
                             R"({"name":"ada","password":"kestrel lamp 42"})"}) {
        responses.push_back(post("/api/v1/users", body));
    }
    EXPECT_EQ(responses.back().status, 201U);
    responses.push_back(post("/api/v1/users/ada/password",
                             R"({"password":"kestrel lamp 42","current_password":"x"})"));
    responses.push_back(get("/api/v1/users/ada"));
    for (const auto& response : responses) {
        EXPECT_FALSE(response.body.to_string().contains(secret)) << response.body.to_string();
    }
    for (const auto& line : log_.lines()) EXPECT_FALSE(line.contains(secret)) << line;
}

TEST_F(api_users, reject_unknown_members) {
    create_user("ada");
    for (const auto* body : {R"({"name":"eve"})", R"({"password":"correct horse"})",
                             R"({"session_epoch":0})", R"({"is_administrator":true})"}) {
        EXPECT_EQ(patch("ada", body).status, 422U) << body;
    }
}

TEST_F(api_users, set_a_password_without_a_response_body) {
    create_user("ada");
    const auto response = post("/api/v1/users/ada/password", R"({"password":"correct horse"})");
    EXPECT_EQ(response.status, 204U);
    EXPECT_EQ(json_of(get("/api/v1/users/ada")).at("has_password"), true);
    EXPECT_EQ(post("/api/v1/users/ada/password", R"({"password":"short"})").status, 422U);
}

}  // namespace
