// Access control from end to end: two principals of different projects against one platform.

#include <gtest/gtest.h>

#include <set>

#include "test/support/api_stage.hpp"

namespace {

using domain::role;
using http::method;

http::headers as(const std::string& subject) {
    return {{"Authorization", "Bearer " + subject}};
}

class visibility : public fakes::api_handler {
  protected:
    void SetUp() override {
        api_handler::SetUp();
        authenticator_.add({.subject = "ada", .roles = {{"shop", role::owner}}});
        authenticator_.add({.subject = "ben", .roles = {{"bank", role::developer}}});
        authenticator_.add({.subject = "vic", .roles = {{"shop", role::viewer}}});
        authenticator_.add({.subject = "eve"});
        for (const auto* project : {"shop", "bank"}) {
            const auto response =
                post("/api/v1/projects", fmt::format(R"({{"name":"{}"}})", project));
            ASSERT_EQ(response.status, 201U);
        }
        shop_ = create("carts", "shop");
        bank_ = create("loans", "bank");
    }

    // The projects of the items that a list returns, and its total.
    std::pair<std::set<std::string>, std::int64_t> listed(const std::string& target,
                                                          const std::string& subject) {
        const auto response = get(target, as(subject));
        EXPECT_EQ(response.status, 200U) << target;
        const auto document = json_of(response);
        std::set<std::string> projects;
        for (const auto& item : document.at("items").as_array()) {
            const auto* member = item.as_object().if_contains("project");
            projects.emplace((member != nullptr ? *member : item.at("name")).as_string());
        }
        return {projects, document.at("total").as_int64()};
    }
    std::string operation_of(const std::string& database) {
        const auto document = json_of(get("/api/v1/databases/" + database + "/operations"));
        return std::string(document.at("items").at(0).at("id").as_string());
    }
    http::response ask_as(const std::string& subject, method verb, const std::string& target,
                          const std::string& body = {}, bool has_key = false) {
        auto headers = as(subject);
        if (has_key) headers.add("Idempotency-Key", subject + target);
        return ask(verb, target, body, std::move(headers));
    }

    std::string shop_;
    std::string bank_;
};

TEST_F(visibility, lists_totals_and_filters_cover_visible_projects) {
    using expected = std::pair<std::set<std::string>, std::int64_t>;
    for (const auto* project : {"shop", "bank"}) {
        post("/api/v1/service-accounts",
             fmt::format(R"({{"name":"{0}-ci","project":"{0}"}})", project));
    }
    create_service_account("of-the-platform");
    for (const auto* target : {"/api/v1/databases", "/api/v1/operations", "/api/v1/projects",
                               "/api/v1/databases?sort=-created_at", "/api/v1/databases?q=a",
                               "/api/v1/service-accounts"}) {
        EXPECT_EQ(listed(target, "ada"), expected({"shop"}, 1)) << target;
        EXPECT_EQ(listed(target, "ben"), expected({"bank"}, 1)) << target;
    }
    for (const auto* filter :
         {"project=bank", "name=loans", "q=loan", "project=bank&engine=redis"}) {
        const auto target = std::string("/api/v1/databases?") + filter;
        EXPECT_EQ(listed(target, "ada"), expected({}, 0)) << target;
        EXPECT_EQ(listed(target, "ben"), expected({"bank"}, 1)) << target;
    }
    EXPECT_EQ(listed("/api/v1/operations?phase=running&limit=1", "ada").second, 1);
    EXPECT_EQ(json_of(get("/api/v1/databases")).at("total").as_int64(), 2);  // the administrator
}

TEST_F(visibility, a_key_limited_to_databases_receives_those_from_every_list) {
    using limits = std::set<std::string, std::less<>>;
    const auto third = create("stock", "shop");
    authenticator_.add({.subject = "limited",
                        .is_administrator = true,
                        .limits = {.databases = limits{bank_, third, "db-missing"}}});
    using expected = std::pair<std::set<std::string>, std::int64_t>;
    for (const auto* target : {"/api/v1/databases", "/api/v1/databases?sort=-updated_at",
                               "/api/v1/databases?q=o", "/api/v1/operations"}) {
        EXPECT_EQ(listed(target, "limited"), expected({"bank", "shop"}, 2)) << target;
    }
    EXPECT_EQ(listed("/api/v1/databases?project=bank", "limited"), expected({"bank"}, 1));
    const auto page = get("/metrics/databases", as("limited")).body.to_string();
    const auto events = snapshot(as("limited"));
    for (const auto& text : {page, events}) {
        EXPECT_TRUE(text.contains(bank_)) << text;
        EXPECT_TRUE(text.contains(third)) << text;
        EXPECT_FALSE(text.contains(shop_)) << text;
    }
    EXPECT_LT(events.find("loans"), events.find("stock")) << "in the order of names";
}

TEST_F(visibility, pages_skip_invisible_databases) {
    for (const auto* name : {"a", "m", "z"}) {
        create(name, "shop");
        create(std::string(name) + "2", "bank");
    }
    std::string cursor;
    std::vector<std::string> names;
    do {
        const auto document = json_of(get("/api/v1/databases?limit=1" + cursor, as("ben")));
        EXPECT_EQ(document.at("total").as_int64(), 4);
        for (const auto& item : document.at("items").as_array()) {
            names.emplace_back(item.at("name").as_string());
        }
        const auto& next = document.at("next_cursor");
        cursor = next.is_string() ? "&cursor=" + std::string(next.as_string()) : "";
    } while (!cursor.empty());
    EXPECT_EQ(names, (std::vector<std::string>{"a2", "loans", "m2", "z2"}));
}

// Every route that names an object, with and without an Idempotency-Key.
TEST_F(visibility, an_object_of_another_project_looks_like_a_missing_one) {
    post("/api/v1/users", R"({"name":"ada"})");
    post("/api/v1/service-accounts", R"({"name":"carts-ci","project":"shop"})");
    const auto operation = operation_of(shop_);
    for (const auto& route : api::all_routes()) {
        if (route.target() == api::target_kind::no_object) continue;
        if (route.target() == api::target_kind::api_key) continue;  // access_matrix_test
        if (route.target() == api::target_kind::role) continue;     // in no project
        std::string existing = shop_;
        std::string missing = "db-missing";
        if (route.target() == api::target_kind::operation) existing = operation;
        if (route.target() == api::target_kind::project) {
            existing = "shop";
            missing = "nowhere";
        }
        if (route.target() == api::target_kind::user) existing = "ada";
        if (route.target() == api::target_kind::service_account) existing = "carts-ci";
        const auto path = [&](const std::string& object) {
            std::string text(route.pattern);
            const auto subject = text.find("{subject}");
            if (subject != std::string::npos) text.replace(subject, text.size(), "zoe");
            const auto open = text.find('{');
            const auto second = text.rfind('{');
            if (second != open) text.replace(second, text.size(), "other");
            return text.replace(open, text.find('}') + 1 - open, object);
        };
        const std::string body = route.body.empty() ? "" : "{\"nope\":1}";
        for (const bool has_key : {false, true}) {
            const auto foreign = ask_as("ben", route.verb, path(existing), body, has_key);
            const auto absent = ask_as("ben", route.verb, path(missing), body, has_key);
            EXPECT_EQ(foreign.status, 404U) << route.name;
            EXPECT_EQ(absent.status, 404U) << route.name;
            EXPECT_EQ(code_of(foreign), code_of(absent)) << route.name;
        }
        if (route.verb != method::get) continue;
        const auto own = ask_as("ada", route.verb, path(existing));
        EXPECT_NE(own.status, 404U) << route.name << own.body.to_string();
    }
    EXPECT_EQ(get("/api/v1/databases/" + shop_).status, 200U);  // nothing was deleted
}

TEST_F(visibility, a_role_limits_writes_in_its_project) {
    const auto path = "/api/v1/databases/" + shop_;
    EXPECT_EQ(ask_as("vic", method::get, path).status, 200U);
    for (const auto& [verb, target] : {std::pair(method::patch, path), std::pair(method::del, path),
                                       std::pair(method::get, path + "/credentials"),
                                       std::pair(method::post, path + "/recreate")}) {
        const auto response =
            ask_as("vic", verb, target, verb == method::patch ? R"({"paused":true})" : "");
        EXPECT_EQ(response.status, 403U) << target;
        EXPECT_EQ(code_of(response), "denied");
    }
    const auto bank = "/api/v1/databases/" + bank_;
    EXPECT_EQ(ask_as("ben", method::patch, bank, R"({"labels":{"a":"b"}})").status, 200U);
    EXPECT_EQ(ask_as("ben", method::del, bank).status, 403U);  // developers do not delete
    EXPECT_EQ(ask_as("ada", method::del, path).status, 202U);
    EXPECT_EQ(ask_as("ada", method::del, "/api/v1/projects/shop").status, 403U);
    EXPECT_EQ(ask_as("ada", method::get, "/metrics").status, 403U);
}

TEST_F(visibility, databases_are_created_in_own_projects_only) {
    const auto create_as = [&](const std::string& subject, const std::string& project) {
        return ask_as(subject, method::post, databases,
                      fmt::format(R"({{"project":"{}","engine":"redis","name":"new"}})", project));
    };
    EXPECT_EQ(create_as("ben", "bank").status, 202U);
    EXPECT_EQ(create_as("vic", "shop").status, 403U);
    const auto foreign = create_as("ben", "shop");
    const auto absent = create_as("ben", "nowhere");
    EXPECT_EQ(foreign.status, 404U);
    EXPECT_EQ(absent.status, 404U);
    EXPECT_EQ(code_of(foreign), code_of(absent));
    EXPECT_EQ(ask_as("ben", method::post, "/api/v1/projects", R"({"name":"mine"})").status, 403U);
}

TEST_F(visibility, a_stream_carries_events_of_visible_projects) {
    const auto events = snapshot(as("ada"));
    EXPECT_TRUE(events.contains(shop_)) << events;
    EXPECT_FALSE(events.contains(bank_)) << events;
    EXPECT_FALSE(events.contains("\"bank\"")) << events;
    const auto id = events.substr(events.rfind("id: ") + 4);
    const auto last = id.substr(0, id.find('\n'));
    // Changes after the snapshot: first in the other project, then in the own one.
    const auto relabel = [&](const std::string& database) {
        return ask(method::patch, "/api/v1/databases/" + database, R"({"labels":{"a":"b"}})")
            .status;
    };
    EXPECT_EQ(relabel(bank_), 200U);
    EXPECT_EQ(relabel(shop_), 200U);
    auto headers = as("ada");
    headers.add("Last-Event-ID", last);
    const auto changes = snapshot(headers, "event: upsert");
    EXPECT_TRUE(changes.contains(shop_)) << changes;
    EXPECT_FALSE(changes.contains("event: reset")) << changes;
    EXPECT_FALSE(changes.contains(bank_)) << changes;
    EXPECT_TRUE(snapshot({}).contains(bank_));  // the administrator
}

TEST_F(visibility, a_stream_has_no_projects_without_their_permission) {
    for (const bool is_administrator : {false, true}) {
        authenticator_.add(
            {.subject = "kay",
             .is_administrator = is_administrator,
             .roles = {{"shop", role::viewer}},
             .limits = {.permissions = std::set{domain::permission::read_databases}}});
        EXPECT_EQ(get("/api/v1/projects", as("kay")).status, 403U);
        const auto events = snapshot(as("kay"));
        EXPECT_TRUE(events.contains(shop_)) << events;
        EXPECT_FALSE(events.contains(R"("kind":"project")")) << events;
    }
    EXPECT_TRUE(snapshot(as("ada")).contains(R"("kind":"project")"));
}

TEST_F(visibility, a_principal_without_roles_is_forbidden) {
    for (const auto* target :
         {"/api/v1/databases", "/api/v1/operations", "/api/v1/projects", "/api/v1/stream"}) {
        EXPECT_EQ(get(target, as("eve")).status, 403U) << target;
    }
    EXPECT_EQ(get("/api/v1/databases/" + shop_, as("eve")).status, 404U);
    EXPECT_EQ(get("/api/v1/engines", as("eve")).status, 200U);
}

TEST_F(visibility, ids_of_events_do_not_reveal_changes_of_other_projects) {
    const auto id_of_sync = [&] {
        const auto events = snapshot(as("ada"));
        const auto begin = events.rfind("id: ") + 4;
        return events.substr(begin, events.find('\n', begin) - begin);
    };
    const auto first = id_of_sync();
    EXPECT_NE(first, id_of_sync());  // also without a change
    EXPECT_EQ(first.size(), id_of_sync().size());
    auto headers = as("ada");
    headers.add("Last-Event-ID", first);
    EXPECT_FALSE(snapshot(headers).contains("event: snapshot"));
}

TEST_F(visibility, an_unknown_credential_is_rejected_except_on_public_routes) {
    for (const auto& route : api::all_routes()) {
        if (route.verb != method::get) continue;
        const auto response = get(path_of(route, shop_), as("nobody"));
        if (route.access.is_public()) {
            const bool has_object = route.id != api::endpoint::start_oidc_login &&
                                    route.id != api::endpoint::finish_oidc_login;
            EXPECT_EQ(response.status, has_object ? route.status : 404U) << route.name;
            continue;
        }
        EXPECT_EQ(response.status, 401U) << route.name;
        EXPECT_EQ(response.headers.get("WWW-Authenticate"), "Bearer") << route.name;
    }
}

TEST_F(visibility, an_owner_does_not_change_the_quota_of_its_project) {
    const std::string path = "/api/v1/projects/shop";
    const std::string quota = R"({"quota":{"databases":3,"cpu":"4"}})";
    ASSERT_EQ(ask(method::patch, path, quota).status, 200U);  // by an administrator
    for (const auto* body : {R"({"quota":{"databases":4}})", R"({"quota":{"databases":0}})",
                             R"({"quota":{"cpu":"5"}})", R"({"quota":{"memory":"1Gi"}})",
                             R"({"display_name":"x","quota":{"storage":"1Gi"}})"}) {
        const auto response = ask_as("ada", method::patch, path, body);
        EXPECT_EQ(response.status, 403U) << body;
        EXPECT_EQ(code_of(response), "denied");
    }
    EXPECT_EQ(ask_as("ada", method::patch, path, R"({"quota":{"databases":-1}})").status, 422U);
    EXPECT_EQ(ask_as("ada", method::patch, path, R"({"display_name":"Shop"})").status, 200U);
    // The whole document again, with one change.
    const auto same =
        ask_as("ada", method::patch, path,
               R"({"display_name":"The shop","quota":{"databases":3,"cpu":"4000m"}})");
    ASSERT_EQ(same.status, 200U) << same.body.to_string();
    EXPECT_EQ(json_of(same).at("display_name"), "The shop");
    EXPECT_EQ(json_of(same).at("quota").at("databases"), 3);
    EXPECT_EQ(ask_as("ada", method::patch, "/api/v1/projects/bank", quota).status, 404U);
}

}  // namespace
