// Every route, called by every kind of caller, on objects in its project and in another one. The
// expected statuses are the table testdata/access_matrix.txt. If ACCESS_MATRIX_OUT names a file,
// the test writes the actual table into it.

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <regex>
#include <sstream>

#include "base/time_text.hpp"
#include "test/support/api_stage.hpp"

namespace {

using api::target_kind;
using http::method;

class access_matrix : public fakes::api_handler {
  protected:
    struct column {
        std::string title;
        std::string credential;  // empty: no Authorization header
    };
    // One call of a route.
    struct row {
        const api::route* route;
        std::string object;  // "own", "other", "missing" or "-"
        std::string path;
        std::string body;
    };

    void SetUp() override {
        admin_ = app::key_registry::new_key_text();
        start();
        run([this] { return service_->keys().admit_admin_key(admin_); });
        for (const auto* project : {"shop", "bank"}) {
            ASSERT_EQ(
                admin(method::post, "/api/v1/projects", fmt::format(R"({{"name":"{}"}})", project))
                    .status,
                201U);
            const auto created =
                admin(method::post, databases,
                      fmt::format(R"({{"project":"{}","engine":"redis","name":"a"}})", project));
            ASSERT_EQ(created.status, 202U);
            const auto document = json_of(created);
            database_ids_[project] = document.at("database").at("id").as_string();
            operation_ids_[project] = document.at("operation").at("id").as_string();
        }
        add_keys();
    }
    const ports::authenticator& authenticator() override { return service_->authenticator(); }

    http::response admin(method verb, const std::string& path, const std::string& body = {}) {
        return ask(verb, path, body, {{"Authorization", "Bearer " + admin_.reveal()}});
    }
    // Creates a key and returns {its text, its id}.
    std::pair<std::string, std::string> create_key(const std::string& members) {
        const auto created =
            admin(method::post, "/api/v1/api-keys", R"({"name":"k")" + members + "}");
        EXPECT_EQ(created.status, 201U) << created.body.to_string();
        const auto document = json_of(created);
        return {std::string(document.at("key").as_string()),
                std::string(document.at("api_key").at("id").as_string())};
    }
    void grant(const std::string& subject, std::string_view granted) {
        EXPECT_EQ(admin(method::put, "/api/v1/projects/shop/members/" + subject,
                        fmt::format(R"({{"role":"{}"}})", granted))
                      .status,
                  201U);
    }
    void add_keys() {
        for (const auto granted : domain::all_roles()) {
            const auto subject = fmt::format("shop-{}", granted);
            grant(subject, granted);
            const auto key = create_key(fmt::format(R"(,"subject":"{}")", subject)).first;
            columns_.push_back({std::string(granted), key});
        }
        EXPECT_EQ(admin(method::post, "/api/v1/roles",
                        R"({"name":"operator","permissions":["projects.read","databases.read",)"
                        R"("databases.operate"]})")
                      .status,
                  201U);
        grant("shop-operator", "operator");
        columns_.push_back({"custom", create_key(R"(,"subject":"shop-operator")").first});
        EXPECT_EQ(admin(method::post, "/api/v1/users", R"({"name":"eva","role":"auditor"})").status,
                  201U);
        columns_.push_back({"auditor", create_key(R"(,"subject":"eva")").first});
        columns_.push_back({"admin", admin_.reveal()});
        columns_.push_back({"admin/shop", create_key(R"(,"projects":["shop"])").first});
        columns_.push_back(
            {"create/shop",
             create_key(R"(,"projects":["shop"],"permissions":["databases.create"])").first});
        columns_.push_back(
            {"preset/shop",
             create_key(R"(,"projects":["shop"],"permissions":["databases.create_from_preset"])")
                 .first});
        EXPECT_EQ(admin(method::post, "/api/v1/roles",
                        R"({"name":"self-service","permissions":["projects.read",)"
                        R"("databases.create_from_preset"]})")
                      .status,
                  201U);
        grant("shop-builder", "self-service");
        columns_.push_back({"preset-role", create_key(R"(,"subject":"shop-builder")").first});
        columns_.push_back({"read", create_key(R"(,"permissions":["databases.read"])").first});
        columns_.push_back({"no-role", create_key(R"(,"subject":"eve")").first});
        columns_.push_back(
            {"database",
             create_key(fmt::format(R"(,"databases":["{}"])", database_ids_["shop"])).first});
        columns_.push_back({"address", create_key(R"(,"cidrs":["192.0.2.0/24"])").first});
        const auto [revoked, id] = create_key("");
        EXPECT_EQ(admin(method::del, "/api/v1/api-keys/" + id).status, 204U);
        columns_.push_back({"revoked", revoked});
        const auto expiry = base::to_rfc3339(clock_.utc_now() + std::chrono::seconds(1));
        columns_.push_back(
            {"expired", create_key(fmt::format(R"(,"expires_at":"{}")", expiry)).first});
        clock_.advance(std::chrono::seconds(2));
        settle();
        columns_.push_back({"unknown", app::key_registry::new_key_text().reveal()});
        columns_.push_back({"none", ""});
    }

    // Returns the object of the route's path, of the project.
    std::string object_of(const api::route& route, const std::string& project) {
        switch (route.target()) {
            case target_kind::database:
                return database_ids_.at(project);
            case target_kind::operation:
                return operation_ids_.at(project);
            case target_kind::project:
                return project;
            case target_kind::user:
                if (route.id == api::endpoint::delete_user)
                    return "ben";  // keeps the columns' keys
                return project == "shop" ? "shop-owner" : "zoe";
            case target_kind::role:
                return project == "shop" ? "temporary" : "owner";
            case target_kind::service_account:
                return project + "-ci";
            default:
                return "redis";
        }
    }
    static std::string path_with(const api::route& route, const std::string& object) {
        std::string path(route.pattern);
        const auto subject = path.find("{subject}");
        if (subject != std::string::npos) path.replace(subject, path.size(), "zoe");
        const auto open = path.find('{');
        const auto second = path.rfind('{');
        if (second != open) path.replace(second, path.size(), "unknown");
        if (open != std::string::npos) path.replace(open, path.find('}') + 1 - open, object);
        // A dry run has the status of its checks and no effect on the next call.
        const bool is_write = route.verb != method::get && route.query == api::query_rule::own;
        if (is_write) path += "?dry_run=true";
        if (route.id == api::endpoint::get_metrics_history) path += "?metric=up";
        return path;
    }
    static std::string body_of(const api::route& route, const std::string& project) {
        using api::endpoint;
        switch (route.id) {
            case endpoint::create_database:
                return fmt::format(R"({{"project":"{}","engine":"redis","name":"b"}})", project);
            case endpoint::patch_database:
                return R"({"labels":{"a":"b"}})";
            case endpoint::create_project:
                return R"({"name":"new"})";
            case endpoint::patch_project:
                return R"({"display_name":"x"})";
            case endpoint::put_member:
                return R"({"role":"viewer"})";
            case endpoint::log_in:
            case endpoint::start_browser_session:
            case endpoint::refresh_session:
                return "{}";  // 422
            case endpoint::check_access:
                return fmt::format(R"([{{"permission":"databases.read","project":"{}"}}])",
                                   project);
            case endpoint::review_access:
                return fmt::format(R"({{"permission":"databases.read","project":"{}"}})", project);
            case endpoint::create_role:
                return R"({"name":"-"})";
            case endpoint::put_role:
                return R"({"permissions":["projects.read"]})";
            case endpoint::start_device_login:
            case endpoint::finish_device_login:
                return "{}";  // 422; 404 without an issuer
            case endpoint::create_service_account:
                return fmt::format(R"({{"name":"-","project":"{}"}})", project);  // 422 after that
            case endpoint::patch_service_account:
                return R"({"description":"x"})";
            case endpoint::create_service_account_key:
                return R"({"name":"-"})";
            case endpoint::create_user:
                return R"({"name":"-"})";  // 422 after the permission
            case endpoint::patch_user:
                return R"({"email":"a@example.com"})";
            case endpoint::set_password:
                return R"({"password":"short"})";
            case endpoint::put_log_level:
                return R"({"log_level":"info"})";
            case endpoint::patch_api_key:
            case endpoint::rotate_api_key:
                return "{}";
            case endpoint::create_api_key:
                return R"({"name":"x","projects":["shop"],"permissions":["databases.create"]})";
            default:
                return {};
        }
    }
    // A new row for each call, because some calls delete their object.
    std::vector<row> rows_of(const api::route& route) {
        if (route.target() == target_kind::api_key) {
            const auto key = create_key(R"(,"subject":"shop-owner")").second;
            const auto foreign = create_key(R"(,"subject":"zoe")").second;
            return {{&route, "own", path_with(route, key), body_of(route, "")},
                    {&route, "other", path_with(route, foreign), body_of(route, "")},
                    {&route, "missing", path_with(route, "missing"), body_of(route, "")}};
        }
        if (route.target() == target_kind::user) {
            admin(method::post, "/api/v1/users", R"({"name":"shop-owner"})");
            admin(method::post, "/api/v1/users", R"({"name":"zoe"})");
            admin(method::post, "/api/v1/users", R"({"name":"ben"})");
        }
        if (route.target() == target_kind::service_account) {
            for (const auto* project : {"shop", "bank"}) {
                admin(method::post, "/api/v1/service-accounts",
                      fmt::format(R"({{"name":"{0}-ci","project":"{0}"}})", project));
            }
        }
        if (route.target() == target_kind::role) {
            admin(method::post, "/api/v1/roles",
                  R"({"name":"temporary","permissions":["projects.read"]})");
        }
        if (route.id == api::endpoint::delete_member) {
            for (const auto* project : {"shop", "bank"}) {
                admin(method::put, fmt::format("/api/v1/projects/{}/members/zoe", project),
                      R"({"role":"viewer"})");
            }
        }
        const bool has_project = route.target() != target_kind::no_object ||
                                 route.id == api::endpoint::create_database ||
                                 route.id == api::endpoint::create_service_account;
        if (!has_project) return {{&route, "-", path_with(route, "redis"), body_of(route, "shop")}};
        std::vector<row> rows{
            {&route, "own", path_with(route, object_of(route, "shop")), body_of(route, "shop")},
            {&route, "other", path_with(route, object_of(route, "bank")), body_of(route, "bank")},
            {&route, "missing", path_with(route, "missing"), body_of(route, "missing")}};
        if (route.id == api::endpoint::revoke_service_account_key) {
            for (auto& call : rows) name_account_key(call.path);
        }
        if (route.id == api::endpoint::create_database) {  // more than a preset
            auto edited = rows.front();
            edited.object = "edited";
            edited.body.insert(1, R"("deletion_protection":true,)");
            rows.push_back(std::move(edited));
        }
        return rows;
    }
    // Replaces the end of the path with the id of a new key of the account.
    void name_account_key(std::string& path) {
        const auto collection = path.substr(0, path.rfind('/'));
        const auto created = admin(method::post, collection, R"({"name":"k"})");
        if (created.status != 201) return;  // there is no such account
        path = fmt::format("{}/{}", collection,
                           std::string_view(json_of(created).at("api_key").at("id").as_string()));
    }
    unsigned status_of(const row& call, const std::string& credential) {
        http::headers headers;
        if (!credential.empty()) headers.add("Authorization", "Bearer " + credential);
        if (!call.body.empty()) headers.add("Content-Type", "application/json");
        auto outgoing = answer({.verb = call.route->verb,
                                .target = call.path,
                                .headers = std::move(headers),
                                .body = call.body});
        return outgoing.response.status;
    }
    std::string table() {
        std::string text = fmt::format("{:<30} {:<8}", "route", "object");
        for (const auto& column : columns_) text += fmt::format(" {:>11}", column.title);
        text += "\n";
        for (const auto& route : api::all_routes()) {
            const auto count = rows_of(route).size();
            for (std::size_t index = 0; index < count; ++index) {
                text += fmt::format("{:<30} {:<8}", route.name, rows_of(route)[index].object);
                for (const auto& column : columns_) {
                    text +=
                        fmt::format(" {:>11}", status_of(rows_of(route)[index], column.credential));
                }
                text += "\n";
            }
        }
        return text;
    }

    base::secret admin_;
    std::vector<column> columns_;
    std::map<std::string, std::string> database_ids_;   // by project
    std::map<std::string, std::string> operation_ids_;  // by project
};

TEST_F(access_matrix, equals_the_committed_table) {
    const auto actual = table();
    if (const auto* path = std::getenv("ACCESS_MATRIX_OUT")) std::ofstream(path) << actual;
    std::ifstream file(ACCESS_MATRIX);
    std::stringstream expected;
    expected << file.rdbuf();
    std::istringstream actual_lines(actual);
    std::istringstream expected_lines(expected.str());
    std::string actual_line;
    std::string expected_line;
    while (std::getline(actual_lines, actual_line)) {
        expected_line.clear();
        std::getline(expected_lines, expected_line);
        EXPECT_EQ(actual_line, expected_line);
    }
    EXPECT_FALSE(std::getline(expected_lines, expected_line)) << expected_line;
}

// The statuses alone do not show whether a denied write has had an effect.
TEST_F(access_matrix, denied_writes_have_no_effect) {
    const auto documents = [this] {
        std::string text;
        for (const auto* path : {"/api/v1/databases", "/api/v1/projects"}) {
            text += admin(method::get, path).body.to_string();
        }
        return text;
    };
    const auto before = documents();
    for (const auto& route : api::all_routes()) {
        if (route.verb == method::get) continue;
        for (const auto& column : columns_) {
            for (auto call : rows_of(route)) {
                const auto status = status_of(call, column.credential);
                if (status < 400) continue;
                call.path = call.path.substr(0, call.path.find('?'));  // not a dry run
                EXPECT_EQ(status_of(call, column.credential), status)
                    << route.name << " " << call.object << " " << column.title;
            }
        }
    }
    EXPECT_EQ(documents(), before);
}

// Returns the object in the path of a call, or the project in the body of a creation.
std::string object_in(const api::route& route, const std::string& path,
                      const std::string& project) {
    const auto begin = route.pattern.find('{');
    if (begin == std::string_view::npos) return project;
    return path.substr(begin, path.find_first_of("/?", begin) - begin);
}

// Returns status, headers and body, without the object and the ids of the request.
std::string text_without_ids(const http::response& response, const std::string& object) {
    auto text = fmt::format("{}\n", response.status);
    for (const auto& header : response.headers.items()) {
        if (header.name == "X-Request-Id" || header.name == "RateLimit") continue;
        text += fmt::format("{}: {}\n", header.name, header.value);
    }
    text +=
        std::regex_replace(response.body.to_string(), std::regex(R"("request_id":"[^"]*")"), "");
    for (auto begin = text.find(object); begin != std::string::npos; begin = text.find(object)) {
        text.replace(begin, object.size(), "{}");
    }
    return text;
}

// The statuses alone do not show whether a response reveals that the object exists.
TEST_F(access_matrix, an_object_of_another_project_has_the_response_of_a_missing_one) {
    int compared = 0;
    for (const auto& route : api::all_routes()) {
        if (rows_of(route).size() < 3) continue;
        for (const auto& column : columns_) {
            http::headers headers;
            if (!column.credential.empty()) {
                headers.add("Authorization", "Bearer " + column.credential);
            }
            const auto response_to = [&](const row& call) {
                const auto response = ask(route.verb, call.path, call.body, headers);
                const std::string project = call.object == "missing" ? "missing" : "bank";
                return text_without_ids(response, object_in(route, call.path, project));
            };
            const auto calls = rows_of(route);
            const auto other = response_to(calls[1]);
            const auto missing = response_to(calls[2]);
            // A caller who may see the object has another status than for a missing one.
            if (!other.starts_with("4") || other.substr(0, 3) != missing.substr(0, 3)) continue;
            EXPECT_EQ(other, missing) << route.name << " " << column.title;
            ++compared;
        }
    }
    EXPECT_GT(compared, 200);
}

// A response to a rejected credential must not repeat it, and neither must the log.
TEST_F(access_matrix, no_response_or_log_line_contains_a_credential) {
    for (const auto& column : columns_) {
        if (!column.credential.starts_with("dbk_")) continue;
        const auto secret = column.credential.substr(column.credential.rfind('_') + 1);
        for (const auto& route : api::all_routes()) {
            if (route.id == api::endpoint::stream) continue;
            for (const auto& call : rows_of(route)) {
                const auto response = ask(call.route->verb, call.path, call.body,
                                          {{"Authorization", "Bearer " + column.credential}});
                EXPECT_FALSE(response.body.to_string().contains(secret)) << route.name;
                for (const auto& header : response.headers.items()) {
                    EXPECT_FALSE(header.value.contains(secret)) << route.name;
                }
            }
        }
        for (const auto& line : log_.lines()) EXPECT_FALSE(line.contains(secret)) << line;
        const auto metrics = admin(method::get, "/metrics").body.to_string();
        EXPECT_FALSE(metrics.contains(secret));
    }
}

// A key of the same subject has other permissions, so it must not see the responses of this one.
TEST_F(access_matrix, an_idempotency_key_belongs_to_one_credential) {
    const auto limited =
        create_key(R"(,"projects":["bank"],"permissions":["databases.create"])").first;
    const auto create_as = [&](const std::string& credential) {
        return post(databases, R"({"project":"shop","engine":"redis","name":"once"})",
                    {{"Authorization", "Bearer " + credential}, {"Idempotency-Key", "k"}});
    };
    EXPECT_EQ(create_as(admin_.reveal()).status, 202U);
    EXPECT_TRUE(create_as(admin_.reveal()).headers.has("Idempotency-Replayed"));
    const auto response = create_as(limited);
    EXPECT_EQ(response.status, 404U);
    EXPECT_FALSE(response.headers.has("Idempotency-Replayed"));
}

TEST_F(access_matrix, a_key_names_the_key_that_created_it) {
    const auto [text, id] = create_key("");
    const auto created = json_of(ask(method::post, "/api/v1/api-keys", R"({"name":"child"})",
                                     {{"Authorization", "Bearer " + text}}));
    EXPECT_EQ(std::string(created.at("api_key").at("created_by_key").as_string()), id);
}

TEST_F(access_matrix, a_key_is_shown_once_and_is_not_replayed) {
    const auto [text, id] = create_key("");
    EXPECT_FALSE(admin(method::get, "/api/v1/api-keys/" + id).body.to_string().contains(text));
    EXPECT_FALSE(admin(method::get, "/api/v1/api-keys").body.to_string().contains(text));
    const auto response =
        post("/api/v1/api-keys", R"({"name":"x"})",
             {{"Authorization", "Bearer " + admin_.reveal()}, {"Idempotency-Key", "k"}});
    EXPECT_EQ(response.status, 400U);
}

TEST_F(access_matrix, a_stream_ends_when_its_key_is_revoked) {
    const auto [text, id] = create_key("");
    auto outgoing =
        answer({.target = "/api/v1/stream", .headers = {{"Authorization", "Bearer " + text}}});
    ASSERT_TRUE(outgoing.stream);
    EXPECT_EQ(admin(method::del, "/api/v1/api-keys/" + id).status, 204U);
    fakes::stream_reader reader("an event that does not come");
    run([&] { return outgoing.stream(reader); });                  // ends
    EXPECT_FALSE(reader.text.contains("event: ")) << reader.text;  // not even the snapshot
}

TEST_F(access_matrix, whoami_explains_the_caller) {
    const auto text = create_key(R"(,"projects":["shop"],"permissions":["keys.read"])").first;
    const auto document =
        json_of(get("/api/v1/auth/whoami", {{"Authorization", "Bearer " + text}}));
    EXPECT_EQ(document.at("subject"), "admin");
    EXPECT_EQ(document.at("administrator"), true);
    EXPECT_EQ(document.at("limits").at("projects"), json::value(json::array{"shop"}));
    EXPECT_EQ(document.at("limits").at("permissions"), json::value(json::array{"keys.read"}));
}

TEST_F(access_matrix, a_role_begins_and_ends_with_the_membership) {
    const auto text = create_key(R"(,"subject":"zoe")").first;
    const auto status = [&] {
        return get("/api/v1/databases", {{"Authorization", "Bearer " + text}}).status;
    };
    EXPECT_EQ(status(), 403U);
    grant("zoe", "viewer");
    EXPECT_EQ(status(), 200U);
    const auto members = admin(method::get, "/api/v1/projects/shop/members").body.to_string();
    EXPECT_TRUE(members.contains(R"("subject":"zoe","role":"viewer")")) << members;
    EXPECT_EQ(admin(method::del, "/api/v1/projects/shop/members/zoe").status, 204U);
    EXPECT_EQ(status(), 403U);
    EXPECT_EQ(admin(method::del, "/api/v1/projects/shop/members/zoe").status, 404U);
}

// A key that may change members and nothing else must not make its subject's friends owners.
TEST_F(access_matrix, a_grantor_cannot_grant_more_than_it_has) {
    const auto limited =
        create_key(R"(,"subject":"shop-owner","permissions":["members.read","members.update"])")
            .first;
    const auto put_as = [&](const std::string& credential, const std::string& body) {
        return ask(method::put, "/api/v1/projects/shop/members/zoe", body,
                   {{"Authorization", "Bearer " + credential}});
    };
    for (const auto* body : {R"({"role":"owner"})", R"({"role":"viewer"})"}) {
        const auto denied = put_as(limited, body);
        EXPECT_EQ(denied.status, 403U) << body;
        EXPECT_EQ(json_of(denied).at("code"), "exceeds_grantor");
    }
    EXPECT_EQ(put_as(columns_[2].credential, R"({"role":"owner"})").status, 201U);
    const auto deleted = ask(method::del, "/api/v1/projects/shop/members/zoe", "",
                             {{"Authorization", "Bearer " + limited}});
    EXPECT_EQ(deleted.status, 403U);
}

TEST_F(access_matrix, a_denial_names_who_can_grant_the_permission) {
    const auto denied = ask(method::del, std::string(databases) + "/" + database_ids_["shop"], "",
                            {{"Authorization", "Bearer " + columns_[0].credential}});
    EXPECT_EQ(denied.status, 403U);
    EXPECT_EQ(json_of(denied).at("detail"),
              "the caller lacks the permission databases.delete in project shop, where its role is "
              "viewer; an owner of the project can grant the role owner");
}

TEST_F(access_matrix, a_new_project_does_not_inherit_the_members_of_a_deleted_one) {
    const auto text = create_key(R"(,"subject":"zoe")").first;
    const auto create_project = [&] {
        return admin(method::post, "/api/v1/projects", R"({"name":"fresh"})").status;
    };
    EXPECT_EQ(create_project(), 201U);
    EXPECT_EQ(
        admin(method::put, "/api/v1/projects/fresh/members/zoe", R"({"role":"owner"})").status,
        201U);
    EXPECT_EQ(admin(method::del, "/api/v1/projects/fresh").status, 204U);
    EXPECT_EQ(create_project(), 201U);
    EXPECT_EQ(get("/api/v1/projects/fresh", {{"Authorization", "Bearer " + text}}).status, 404U);
}

TEST_F(access_matrix, a_member_request_reports_its_field_errors) {
    const auto put_as = [&](const std::string& subject, const std::string& body) {
        return admin(method::put, "/api/v1/projects/shop/members/" + subject, body);
    };
    EXPECT_EQ(put_as("zoe", R"({"role":"god"})").status, 422U);
    EXPECT_EQ(put_as("admin", R"({"role":"owner"})").status, 422U);
    EXPECT_EQ(put_as("a%2Fb", R"({"role":"owner"})").status, 422U);
    EXPECT_EQ(put_as("zoe", R"({"role":"owner","is_administrator":true})").status, 422U);
    EXPECT_EQ(
        admin(method::put, "/api/v1/projects/nowhere/members/zoe", R"({"role":"owner"})").status,
        404U);
}

TEST_F(access_matrix, a_list_of_keys_has_those_of_the_subject_unless_the_caller_is_unlimited) {
    const auto own = create_key(R"(,"subject":"eve")");
    create_key(R"(,"subject":"zoe")");
    const auto total = [&](const std::string& credential) {
        return json_of(get("/api/v1/api-keys", {{"Authorization", "Bearer " + credential}}))
            .at("total")
            .as_int64();
    };
    EXPECT_EQ(total(own.first), 2);  // with the one of the column
    EXPECT_GT(total(admin_.reveal()), 6);
}

}  // namespace
