// Roles, checks of the own access and access reviews, over the whole API.

#include <gtest/gtest.h>

#include "test/support/api_stage.hpp"

namespace {

using http::method;

class access_endpoints : public fakes::api_handler {
  protected:
    void SetUp() override {
        admin_ = app::key_registry::new_key_text();
        start();
        run([this] { return service_->keys().admit_admin_key(admin_); });
        ASSERT_EQ(admin(method::post, "/api/v1/projects", R"({"name":"shop"})").status, 201U);
        const auto created =
            admin(method::post, databases, R"({"project":"shop","engine":"redis","name":"a"})");
        ASSERT_EQ(created.status, 202U);
        database_id_ = json_of(created).at("database").at("id").as_string();
        for (const auto* role : {"viewer", "developer"}) {
            const auto subject = fmt::format("shop-{}", role);
            ASSERT_EQ(admin(method::put, "/api/v1/projects/shop/members/" + subject,
                            fmt::format(R"({{"role":"{}"}})", role))
                          .status,
                      201U);
            const auto key = admin(method::post, "/api/v1/api-keys",
                                   fmt::format(R"({{"name":"k","subject":"{}"}})", subject));
            keys_[role] = json_of(key).at("key").as_string();
            key_ids_[role] = json_of(key).at("api_key").at("id").as_string();
        }
    }
    const ports::authenticator& authenticator() override { return service_->authenticator(); }

    http::response admin(method verb, const std::string& path, const std::string& body = {}) {
        return ask(verb, path, body, {{"Authorization", "Bearer " + admin_.reveal()}});
    }
    http::response viewer(method verb, const std::string& path, const std::string& body = {}) {
        return ask(verb, path, body, {{"Authorization", "Bearer " + keys_["viewer"]}});
    }

    base::secret admin_;
    std::string database_id_;
    std::map<std::string, std::string> keys_;
    std::map<std::string, std::string> key_ids_;
};

TEST_F(access_endpoints, explain_each_check) {
    const auto response =
        viewer(method::post, "/api/v1/auth/can",
               fmt::format(R"([{{"permission":"databases.read","project":"shop"}},)"
                           R"({{"permission":"databases.delete","database":"{}"}},)"
                           R"({{"permission":"databases.read","database":"missing"}},)"
                           R"({{"permission":"projects.create"}}])",
                           database_id_));
    ASSERT_EQ(response.status, 200U) << response.body.to_string();
    const auto results = json_of(response).at("results");
    EXPECT_EQ(json::serialize(results.at(0)),
              R"({"permission":"databases.read","project":"shop","database":null,"allowed":true,)"
              R"("rule":"role","reason":"the role viewer in project shop has the permission )"
              R"(databases.read"})");
    EXPECT_EQ(results.at(1).at("allowed"), false);
    EXPECT_EQ(results.at(1).at("rule"), "insufficient_role");
    EXPECT_EQ(results.at(1).at("project"), "shop");
    EXPECT_EQ(results.at(2).at("rule"), "no_object");
    EXPECT_EQ(results.at(3).at("rule"), "platform");
}

// A database of another project must look like a missing one.
TEST_F(access_endpoints, hide_databases_of_other_projects) {
    const auto created =
        admin(method::post, databases, R"({"project":"default","engine":"redis","name":"b"})");
    const auto id = std::string(json_of(created).at("database").at("id").as_string());
    const auto text_of = [&](const std::string& database) {
        auto text =
            viewer(method::post, "/api/v1/auth/can",
                   fmt::format(R"([{{"permission":"databases.read","database":"{}"}}])", database))
                .body.to_string();
        for (auto begin = text.find(database); begin != std::string::npos;
             begin = text.find(database)) {
            text.replace(begin, database.size(), "ID");
        }
        return text;
    };
    EXPECT_EQ(text_of(id), text_of("missing"));
}

TEST_F(access_endpoints, reject_invalid_checks) {
    const auto status = [&](const std::string& body) {
        return viewer(method::post, "/api/v1/auth/can", body).status;
    };
    EXPECT_EQ(status("{}"), 400U);
    EXPECT_EQ(status("[]"), 422U);
    EXPECT_EQ(status("[1]"), 422U);
    EXPECT_EQ(status(R"([{"permission":"databases.fly"}])"), 422U);
    EXPECT_EQ(status(R"([{"permission":"databases.read","subject":"ada"}])"), 422U);
}

TEST_F(access_endpoints, list_the_subjects_and_keys_with_a_permission) {
    const auto body = R"({"permission":"databases.credentials","project":"shop"})";
    EXPECT_EQ(viewer(method::post, "/api/v1/access-reviews", body).status, 403U);
    const auto response = admin(method::post, "/api/v1/access-reviews", body);
    ASSERT_EQ(response.status, 200U) << response.body.to_string();
    const auto text = response.body.to_string();
    EXPECT_TRUE(text.contains(R"("subject":"admin","rule":"administrator")")) << text;
    EXPECT_TRUE(text.contains(R"("subject":"shop-developer","rule":"role")")) << text;
    EXPECT_TRUE(text.contains(fmt::format(R"("keys":["{}"])", key_ids_["developer"]))) << text;
    EXPECT_FALSE(text.contains("shop-viewer")) << text;
}

TEST_F(access_endpoints, show_who_may_read_the_credentials_of_a_database) {
    const auto response =
        viewer(method::get, std::string(databases) + "/" + database_id_ + "/access");
    ASSERT_EQ(response.status, 200U) << response.body.to_string();
    const auto text = response.body.to_string();
    EXPECT_TRUE(text.contains(R"("permission":"databases.credentials","project":"shop")")) << text;
    EXPECT_TRUE(text.contains(R"("subject":"shop-developer")")) << text;
    EXPECT_FALSE(text.contains("shop-viewer")) << text;
    EXPECT_FALSE(text.contains("keys")) << text;  // ids of keys are for administrators
}

// A cache must not serve one caller the document of another one.
TEST_F(access_endpoints, give_each_set_of_allowed_actions_its_own_etag) {
    const auto path = std::string(databases) + "/" + database_id_;
    const auto actions_of = [](const http::response& response) {
        return json::serialize(json_of(response).at("allowed_actions"));
    };
    const auto own = viewer(method::get, path);
    const auto full = admin(method::get, path);
    EXPECT_EQ(actions_of(own), R"(["databases.read"])");
    EXPECT_EQ(actions_of(full),
              R"(["databases.read","databases.update","databases.operate","databases.delete",)"
              R"("databases.credentials"])");
    EXPECT_NE(own.headers.get("ETag"), full.headers.get("ETag"));
    const auto status = [&](const std::string& target, const http::response& known,
                            const std::string& key) {
        return get(target, {{"Authorization", "Bearer " + key},
                            {"If-None-Match", std::string(known.headers.get("ETag"))}})
            .status;
    };
    EXPECT_EQ(status(path, own, keys_["viewer"]), 304U);
    EXPECT_EQ(status(path, full, keys_["viewer"]), 200U);
    EXPECT_EQ(status(path, own, keys_["developer"]), 200U);
    const auto list = std::string(databases) + "?project=shop";
    const auto own_list = viewer(method::get, list);
    EXPECT_EQ(json::serialize(json_of(own_list).at("items").at(0).at("allowed_actions")),
              R"(["databases.read"])");
    EXPECT_EQ(status(list, own_list, keys_["viewer"]), 304U);
    EXPECT_EQ(status(list, own_list, keys_["developer"]), 200U);
    // If-Match compares revisions, so the tag of another caller is good for a write.
    const auto patched = ask(method::patch, path + "?dry_run=true", R"({"labels":{"a":"b"}})",
                             {{"Authorization", "Bearer " + keys_["developer"]},
                              {"If-Match", std::string(full.headers.get("ETag"))}});
    EXPECT_EQ(patched.status, 200U) << patched.body.to_string();
    EXPECT_TRUE(patched.body.to_string().contains(
        R"("allowed_actions":["databases.read","databases.update","databases.operate",)"
        R"("databases.credentials"]})"));
}

TEST_F(access_endpoints, follow_a_custom_role_as_soon_as_it_changes) {
    const auto created =
        admin(method::post, "/api/v1/roles",
              R"({"name":"releaser","permissions":["projects.read","databases.read"]})");
    ASSERT_EQ(created.status, 201U) << created.body.to_string();
    ASSERT_EQ(
        admin(method::put, "/api/v1/projects/shop/members/shop-viewer", R"({"role":"releaser"})")
            .status,
        200U);
    EXPECT_EQ(viewer(method::get, std::string(databases) + "/" + database_id_).status, 200U);
    const auto replace = [&](const std::string& etag, const std::string& body) {
        return ask(method::put, "/api/v1/roles/releaser", body,
                   {{"Authorization", "Bearer " + admin_.reveal()}, {"If-Match", etag}})
            .status;
    };
    const auto etag = std::string(created.headers.get("ETag"));
    EXPECT_EQ(replace(etag, R"({"permissions":["projects.read"]})"), 200U);
    EXPECT_EQ(replace(etag, R"({"permissions":["projects.read","databases.read"]})"), 412U);
    EXPECT_EQ(viewer(method::get, std::string(databases) + "/" + database_id_).status, 404U);
    EXPECT_EQ(viewer(method::get, "/api/v1/projects/shop").status, 200U);
    EXPECT_EQ(admin(method::del, "/api/v1/roles/releaser").status, 409U);
    EXPECT_EQ(admin(method::del, "/api/v1/roles/owner").status, 404U);
    EXPECT_EQ(
        admin(method::post, "/api/v1/roles", R"({"name":"owner","permissions":["projects.read"]})")
            .status,
        422U);
    EXPECT_EQ(json_of(viewer(method::get, "/api/v1/roles")).at("total"), 4);
}

}  // namespace
