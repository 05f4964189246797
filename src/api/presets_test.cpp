// Callers that may create databases from presets alone, over the whole API.

#include <gtest/gtest.h>

#include <map>

#include "test/support/api_stage.hpp"

namespace {

using http::method;
using enum domain::permission;

class presets : public fakes::api_handler {
  protected:
    void SetUp() override {
        api_handler::SetUp();
        for (const auto* project : {"shop", "bank"}) {
            ASSERT_EQ(post("/api/v1/projects", fmt::format(R"({{"name":"{}"}})", project)).status,
                      201U);
        }
        authenticator_.add({.subject = "builder",
                            .roles = {{"shop",
                                       {"self-service",
                                        {read_projects, read_databases, operate_databases,
                                         create_databases_from_preset}}}}});
        authenticator_.add({.subject = "job",
                            .is_administrator = true,
                            .credential = "key:job",
                            .limits = {.permissions = std::set{create_databases_from_preset},
                                       .projects = names{"shop"}}});
        authenticator_.add({.subject = "ada", .roles = {{"shop", domain::role::developer}}});
        authenticator_.add({.subject = "vic", .roles = {{"shop", domain::role::viewer}}});
    }
    using names = std::set<std::string, std::less<>>;

    http::response create_as(const std::string& subject, const std::string& members,
                             const std::string& project = "shop", http::headers headers = {},
                             const std::string& query = "") {
        headers.add("Authorization", "Bearer " + subject);
        return post(databases + query,
                    fmt::format(R"({{"project":"{}","engine":"redis"{}}})", project, members),
                    std::move(headers));
    }
    // Returns the pointers of the members that the response rejects; "" if it is another one.
    static std::string rejected_members(const http::response& response) {
        if (response.status != 403 || code_of(response) != "exceeds_preset") return "";
        std::string text;
        const auto document = json_of(response);
        for (const auto& error : document.at("errors").as_array()) {
            EXPECT_EQ(error.at("code"), "exceeds_preset");
            text += text.empty() ? "" : " ";
            text += error.at("pointer").as_string();
        }
        EXPECT_TRUE(document.at("detail").as_string().starts_with(text.substr(0, text.find(' '))))
            << json::serialize(document);
        return text;
    }
    std::int64_t total() { return json_of(get(databases)).at("total").as_int64(); }
};

TEST_F(presets, are_created_with_the_defaults_of_the_platform) {
    const std::map<std::string, std::string> sizes{
        {R"(,"name":"a")", "small"},
        {R"(,"name":"b","size":"micro")", "micro"},
        {R"(,"name":"c","size":{"preset":"large"})", "large"}};
    for (const auto* subject : {"builder", "job"}) {
        for (const auto& [members, preset] : sizes) {
            const auto response = create_as(subject, members, "shop", {}, "?dry_run=true");
            ASSERT_EQ(response.status, 200U) << response.body.to_string();
            auto document = json_of(response).at("database").as_object();
            EXPECT_EQ(std::string(document.at("size").at("preset").as_string()), preset);
            const auto own = create_as("ada", members, "shop", {}, "?dry_run=true");
            EXPECT_EQ(document.at("version"), json_of(own).at("database").at("version"));
            EXPECT_EQ(document.at("storage"), json_of(own).at("database").at("storage"));
        }
    }
    EXPECT_EQ(create_as("builder", R"(,"name":"a")").status, 202U);
    EXPECT_EQ(create_as("job", R"(,"name":"b","size":"micro")").status, 202U);
    EXPECT_EQ(total(), 2);
    // These requests are invalid for callers with databases.create as well.
    EXPECT_EQ(create_as("builder", R"(,"name":"x","size":"gigantic")").status, 422U);
    EXPECT_EQ(create_as("builder", R"(,"name":"x","size":{"preset":null})").status, 422U);
    EXPECT_EQ(create_as("builder", R"(,"name":"x","size":{})").status, 422U);
    EXPECT_EQ(create_as("builder", R"(,"name":"x","version":5)").status, 422U);
    EXPECT_EQ(create_as("builder", R"(,"name":"x","version":null)").status, 422U);
    EXPECT_EQ(total(), 2);
}

// A new member of the request needs a value here, and a decision in domain/preset_rules.cpp.
TEST_F(presets, have_no_other_member_of_the_request) {
    const std::map<std::string, std::string, std::less<>> examples{
        {"version", R"("7.0.15")"},
        {"topology", R"({"mode":"standalone"})"},
        {"storage", R"({"size":"1Gi"})"},
        {"labels", R"({"team":"shop"})"},
        {"deletion_protection", "false"},
        {"monitoring", "true"},
        {"schedule", "null"}};
    const auto document = json::parse(api::openapi_document());
    const auto schema = document.at("components").at("schemas").at("CreateDatabase");
    std::size_t count = 0;
    for (const auto& [member, unused] : schema.at("properties").as_object()) {
        const names of_a_preset{"project", "name", "engine", "size"};
        if (of_a_preset.contains(std::string_view(member))) continue;
        const auto example = examples.find(std::string_view(member));
        ASSERT_NE(example, examples.end()) << member;
        const auto members = fmt::format(R"(,"name":"a","{}":{})", example->first, example->second);
        for (const auto* subject : {"builder", "job"}) {
            for (const auto* query : {"", "?dry_run=true"}) {
                const auto response = create_as(subject, members, "shop", {}, query);
                EXPECT_EQ(rejected_members(response), "/" + example->first)
                    << response.body.to_string();
            }
        }
        EXPECT_NE(create_as("ada", members, "shop", {}, "?dry_run=true").status, 403U);
        ++count;
    }
    EXPECT_EQ(count, examples.size());
    const std::string own_size = R"(,"name":"a","size":{"preset":"small","cpu":"500m"})";
    EXPECT_EQ(rejected_members(create_as("builder", own_size)), "/size/cpu");
    const std::string repeated = R"(,"name":"a","size":"small","size":{"cpu":"8"})";
    EXPECT_EQ(rejected_members(create_as("builder", repeated)), "/size/cpu");
    EXPECT_EQ(
        rejected_members(create_as("job", R"(,"name":"a","size":{"cpu":"8","memory":"64Gi"})")),
        "/size/cpu /size/memory");
    EXPECT_EQ(total(), 0);
}

TEST_F(presets, are_explained_by_the_rejection) {
    const auto detail = [&](const std::string& subject) {
        const auto response = create_as(subject, R"(,"name":"a","version":"7","monitoring":true)");
        EXPECT_EQ(response.status, 403U);
        return std::string(json_of(response).at("detail").as_string());
    };
    EXPECT_EQ(detail("builder"),
              "/version, /monitoring: must not be set with the permission "
              "databases.create_from_preset alone, and the caller lacks the permission "
              "databases.create in project shop, where its role is self-service; an owner of the "
              "project can grant the role developer");
    EXPECT_EQ(detail("job"),
              "/version, /monitoring: must not be set with the permission "
              "databases.create_from_preset alone, and the API key lacks the permission "
              "databases.create; its subject can create a key that has it");
    EXPECT_TRUE(
        registry_->expose().contains("dbaas_denials_total{permission=\"databases.create\"} 2"));
    const auto checks = post("/api/v1/auth/can",
                             R"([{"permission":"databases.create","project":"shop"},)"
                             R"({"permission":"databases.create_from_preset","project":"shop"}])",
                             {{"Authorization", "Bearer builder"}});
    const auto results = json_of(checks).at("results");
    EXPECT_EQ(results.at(0).at("allowed"), false);
    EXPECT_EQ(results.at(1).at("allowed"), true);
    EXPECT_EQ(results.at(1).at("reason"),
              "the role self-service in project shop has the permission "
              "databases.create_from_preset");
}

// A project that the caller may not see, and one where it has neither permission.
TEST_F(presets, change_no_response_to_other_projects_and_callers) {
    const auto text = [&](const std::string& subject, const std::string& project) {
        const auto response = create_as(subject, R"(,"name":"a","version":"7")", project);
        const auto document = json_of(response);
        return fmt::format("{} {} {}", response.status,
                           std::string(document.at("code").as_string()),
                           std::string(document.at("detail").as_string()));
    };
    for (const auto* subject : {"builder", "job"}) {
        EXPECT_EQ(text(subject, "bank"), "404 project_not_found there is no project 'bank'");
        EXPECT_EQ(text(subject, "none"), "404 project_not_found there is no project 'none'");
    }
    EXPECT_EQ(text("vic", "shop"),
              "403 denied the caller lacks the permission databases.create; an owner of the "
              "project can grant the role developer");
}

TEST_F(presets, follow_the_rule_with_an_idempotency_key) {
    const http::headers headers{{"Idempotency-Key", "k"}};
    const std::string edited = R"(,"name":"a","monitoring":false)";
    for (int i = 0; i < 2; ++i) {  // a rejection is not stored
        const auto response = create_as("builder", edited, "shop", headers);
        EXPECT_EQ(rejected_members(response), "/monitoring");
        EXPECT_FALSE(response.headers.has("Idempotency-Replayed"));
    }
    const std::string preset = R"(,"name":"a")";
    EXPECT_EQ(create_as("builder", preset, "shop", headers).status, 202U);
    EXPECT_TRUE(create_as("builder", preset, "shop", headers).headers.has("Idempotency-Replayed"));
    EXPECT_EQ(code_of(create_as("builder", edited, "shop", headers)), "idempotency_key_reused");
    EXPECT_EQ(total(), 1);
}

TEST_F(presets, cannot_be_edited_later) {
    const auto created = create_as("builder", R"(,"name":"a")");
    ASSERT_EQ(created.status, 202U);
    const auto id = std::string(json_of(created).at("database").at("id").as_string());
    EXPECT_EQ(json::serialize(json_of(created).at("database").at("allowed_actions")),
              R"(["databases.read","databases.operate"])");
    const auto path = std::string(databases) + "/" + id;
    const auto before = get(path).body.to_string();
    const auto ask_as_builder = [&](method verb, const std::string& target,
                                    const std::string& body) {
        return ask(verb, target, body, {{"Authorization", "Bearer builder"}}).status;
    };
    for (const auto* body : {R"({"size":"large"})", R"({"paused":true})", R"({"schedule":null})",
                             R"({"labels":{"a":"b"}})", "{}"}) {
        EXPECT_EQ(ask_as_builder(method::patch, path, body), 403U) << body;
    }
    EXPECT_EQ(ask_as_builder(method::del, path, ""), 403U);
    // Recreates a missing object from the record, and reads no body.
    EXPECT_EQ(ask_as_builder(method::post, path + "/recreate", ""), 409U);
    EXPECT_EQ(get(path).body.to_string(), before);
}

TEST_F(presets, are_in_the_audit_log_if_they_were_rejected) {
    create_as("builder", R"(,"name":"a","version":"7")");
    settle();
    clock_.advance(std::chrono::seconds(1));
    settle();
    const auto rows =
        json_of(get("/api/v1/audit?action=create_database&outcome=denied")).at("items").as_array();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].at("actor"), "builder");
    EXPECT_EQ(rows[0].at("status").as_int64(), 403);
}

}  // namespace
