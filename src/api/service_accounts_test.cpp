// The API of service accounts, over HTTP requests with real API keys.

#include <gtest/gtest.h>

#include "test/support/api_stage.hpp"

namespace {

using http::method;

constexpr const char* accounts = "/api/v1/service-accounts";

class service_accounts : public fakes::api_handler {
  protected:
    void SetUp() override {
        admin_ = app::key_registry::new_key_text().reveal();
        start();
        run([this] { return service_->keys().admit_admin_key(base::secret(admin_)); });
        for (const auto* project : {"shop", "bank"}) {
            as(admin_, method::post, "/api/v1/projects",
               fmt::format(R"({{"name":"{}"}})", project));
        }
        owner_ = member("ada", "shop", "owner");
        viewer_ = member("vic", "shop", "viewer");
        stranger_ = member("ben", "bank", "owner");
    }
    const ports::authenticator& authenticator() override { return service_->authenticator(); }

    http::response as(const std::string& key, method verb, const std::string& path,
                      const std::string& body = {}) {
        return ask(verb, path, body, {{"Authorization", "Bearer " + key}});
    }
    // Grants the role and returns an API key of the subject.
    std::string member(const std::string& subject, const std::string& project,
                       const std::string& role) {
        grant(subject, project, role);
        return key_of(as(admin_, method::post, "/api/v1/api-keys",
                         fmt::format(R"({{"name":"k","subject":"{}"}})", subject)));
    }
    unsigned grant(const std::string& subject, const std::string& project,
                   const std::string& role) {
        return as(admin_, method::put,
                  fmt::format("/api/v1/projects/{}/members/{}", project, subject),
                  fmt::format(R"({{"role":"{}"}})", role))
            .status;
    }
    std::string key_of(const http::response& created) {
        EXPECT_EQ(created.status, 201U) << created.body.to_string();
        return std::string(json_of(created).at("key").as_string());
    }
    http::response create_account(const std::string& key, const std::string& name,
                                  const std::string& project) {
        return as(key, method::post, accounts,
                  fmt::format(R"({{"name":"{}","project":"{}"}})", name, project));
    }
    http::response create_account_key(const std::string& key, const std::string& account) {
        return as(key, method::post, fmt::format("{}/{}/api-keys", accounts, account),
                  R"({"name":"deploy"})");
    }
    unsigned status_of(const std::string& key) { return as(key, method::get, databases).status; }

    std::string admin_;
    std::string owner_;
    std::string viewer_;
    std::string stranger_;
};

TEST_F(service_accounts, an_owner_creates_an_account_with_a_role_and_a_key) {
    const auto created = create_account(owner_, "ci", "shop");
    ASSERT_EQ(created.status, 201U) << created.body.to_string();
    EXPECT_EQ(created.headers.get("Location"), "/api/v1/service-accounts/ci");
    const auto document = json_of(created);
    EXPECT_EQ(document.at("subject"), "service_account:ci");
    EXPECT_EQ(document.at("project"), "shop");
    EXPECT_EQ(document.at("state"), "active");
    EXPECT_EQ(document.at("created_by"), "ada");
    EXPECT_EQ(create_account(owner_, "ci", "shop").status, 409U);

    const auto key = create_account_key(owner_, "ci");
    EXPECT_EQ(json_of(key).at("api_key").at("subject"), "service_account:ci");
    EXPECT_EQ(json_of(key).at("api_key").at("created_by"), "ada");
    EXPECT_EQ(key.headers.get("Cache-Control"), "no-store");
    EXPECT_EQ(status_of(key_of(key)), 403U);  // no role yet
    EXPECT_EQ(as(owner_, method::put, "/api/v1/projects/shop/members/service_account:ci",
                 R"({"role":"developer"})")
                  .status,
              201U);
    EXPECT_EQ(status_of(key_of(key)), 200U);
    const auto read = as(viewer_, method::get, std::string(accounts) + "/ci");
    EXPECT_EQ(json_of(read).at("roles").at("shop"), "developer");
    const auto whoami = json_of(as(key_of(key), method::get, "/api/v1/auth/whoami"));
    EXPECT_EQ(whoami.at("subject"), "service_account:ci");
    EXPECT_EQ(whoami.at("roles").at("shop"), "developer");
}

TEST_F(service_accounts, a_disabled_account_has_no_valid_key) {
    create_account(owner_, "ci", "shop");
    grant("service_account:ci", "shop", "developer");
    const auto first = key_of(create_account_key(owner_, "ci"));
    const auto second = key_of(create_account_key(owner_, "ci"));
    const auto path = std::string(accounts) + "/ci";
    const auto changed = as(owner_, method::patch, path, R"({"state":"disabled"})");
    EXPECT_EQ(json_of(changed).at("state"), "disabled");
    for (const auto& key : {first, second}) {
        const auto response = as(key, method::get, databases);
        EXPECT_EQ(response.status, 401U);
        EXPECT_EQ(json_of(response).at("detail"), "the service account of the API key is disabled");
    }
    const auto review = json_of(as(admin_, method::post, "/api/v1/access-reviews",
                                   R"({"permission":"databases.read","project":"shop"})"));
    EXPECT_FALSE(json::serialize(review).contains("service_account:ci"));
    EXPECT_EQ(as(owner_, method::patch, path, R"({"state":"active"})").status, 200U);
    EXPECT_EQ(status_of(first), 200U);
}

TEST_F(service_accounts, a_deleted_account_leaves_no_key_and_no_role) {
    create_account(owner_, "ci", "shop");
    grant("service_account:ci", "shop", "developer");
    const auto key = key_of(create_account_key(owner_, "ci"));
    EXPECT_EQ(as(owner_, method::del, std::string(accounts) + "/ci").status, 204U);
    EXPECT_EQ(status_of(key), 401U);
    EXPECT_EQ(create_account(owner_, "ci", "shop").status, 201U);
    EXPECT_EQ(status_of(key), 401U);
    const auto read = json_of(as(owner_, method::get, std::string(accounts) + "/ci"));
    EXPECT_TRUE(read.at("roles").as_object().empty());
    const auto keys = json_of(as(owner_, method::get, std::string(accounts) + "/ci/api-keys"));
    EXPECT_EQ(keys.at("total"), 0);
}

TEST_F(service_accounts, a_key_is_listed_and_revoked_under_its_account_alone) {
    create_account(owner_, "ci", "shop");
    create_account(owner_, "backup", "shop");
    const auto created = create_account_key(owner_, "ci");
    const auto id = std::string(json_of(created).at("api_key").at("id").as_string());
    const auto path = [&](const std::string& account) {
        return fmt::format("{}/{}/api-keys/{}", accounts, account, id);
    };
    EXPECT_EQ(json_of(as(viewer_, method::get, std::string(accounts) + "/ci/api-keys")).at("total"),
              1);
    EXPECT_EQ(as(owner_, method::del, path("backup")).status, 404U);
    EXPECT_EQ(as(viewer_, method::del, path("ci")).status, 403U);
    EXPECT_EQ(as(stranger_, method::del, path("ci")).status, 404U);
    // A key of another subject is no key of the account.
    const auto other =
        json_of(as(owner_, method::get, "/api/v1/api-keys")).at("items").at(0).at("id");
    EXPECT_EQ(as(owner_, method::del,
                 fmt::format("{}/ci/api-keys/{}", accounts, std::string_view(other.as_string())))
                  .status,
              404U);
    EXPECT_EQ(as(owner_, method::del, path("ci")).status, 204U);
    EXPECT_EQ(as(owner_, method::del, path("ci")).status, 404U);
    EXPECT_EQ(status_of(key_of(created)), 401U);
}

TEST_F(service_accounts, no_caller_gets_a_permission_by_an_account) {
    create_account(admin_, "ci", "shop");
    grant("service_account:ci", "shop", "owner");
    as(admin_, method::post, "/api/v1/roles",
       R"({"name":"keeper","permissions":["projects.read","service_accounts.update"]})");
    const auto keeper = member("kim", "shop", "keeper");
    const auto denied = create_account_key(keeper, "ci");
    EXPECT_EQ(denied.status, 403U);
    EXPECT_EQ(code_of(denied), "exceeds_grantor");
    // A key of the platform's account is a matter of administrators.
    create_account(admin_, "robot", "");
    EXPECT_EQ(create_account_key(owner_, "robot").status, 404U);
    EXPECT_EQ(create_account(owner_, "mine", "").status, 403U);
    // The limits of the creator's key apply to the new key.
    const auto limited =
        key_of(as(owner_, method::post, "/api/v1/api-keys",
                  R"({"name":"l","permissions":["service_accounts.update"],"projects":["shop"]})"));
    EXPECT_EQ(create_account_key(limited, "ci").status, 403U);
}

TEST_F(service_accounts, belong_to_one_project) {
    create_account(owner_, "ci", "shop");
    create_account(admin_, "robot", "");
    EXPECT_EQ(grant("service_account:ci", "bank", "viewer"), 422U);
    EXPECT_EQ(grant("service_account:none", "bank", "viewer"), 422U);
    EXPECT_EQ(grant("service_account:robot", "bank", "viewer"), 201U);
    EXPECT_EQ(grant("service_account:robot", "shop", "viewer"), 201U);
    EXPECT_EQ(create_account(admin_, "x", "nowhere").status, 404U);
    EXPECT_EQ(create_account(stranger_, "x", "shop").status, 404U);
    EXPECT_EQ(create_account(viewer_, "x", "shop").status, 403U);
}

TEST_F(service_accounts, end_with_their_project) {
    const auto key = [&] {
        create_account(owner_, "ci", "shop");
        return key_of(create_account_key(owner_, "ci"));
    }();
    EXPECT_EQ(as(admin_, method::del, "/api/v1/projects/shop").status, 204U);
    EXPECT_EQ(as(key, method::get, "/api/v1/engines").status, 401U);
    EXPECT_EQ(as(admin_, method::post, "/api/v1/projects", R"({"name":"shop"})").status, 201U);
    EXPECT_EQ(as(admin_, method::get, std::string(accounts) + "/ci").status, 404U);
}

TEST_F(service_accounts, are_listed_by_project_and_visibility) {
    create_account(owner_, "ci", "shop");
    create_account(stranger_, "loans-ci", "bank");
    create_account(admin_, "robot", "");
    const auto names = [&](const std::string& key, const std::string& query = "") {
        std::string text;
        const auto list = json_of(as(key, method::get, accounts + query));
        for (const auto& item : list.at("items").as_array()) {
            text += std::string(item.at("name").as_string()) + " ";
        }
        return text;
    };
    EXPECT_EQ(names(owner_), "ci ");
    EXPECT_EQ(names(viewer_), "ci ");
    EXPECT_EQ(names(stranger_), "loans-ci ");
    EXPECT_EQ(names(admin_), "ci loans-ci robot ");
    EXPECT_EQ(names(admin_, "?project=bank"), "loans-ci ");
    EXPECT_EQ(names(owner_, "?project=bank"), "");
    for (const auto* other : {"loans-ci", "robot", "missing"}) {
        const auto path = fmt::format("{}/{}", accounts, other);
        for (const auto verb : {method::get, method::del}) {
            EXPECT_EQ(as(owner_, verb, path).status, 404U) << path;
        }
        EXPECT_EQ(as(owner_, method::patch, path, R"({"state":"disabled"})").status, 404U);
        EXPECT_EQ(as(owner_, method::get, path + "/api-keys").status, 404U);
        EXPECT_EQ(create_account_key(owner_, other).status, 404U);
    }
}

TEST_F(service_accounts, report_field_errors) {
    const auto status = [&](const std::string& body) {
        return as(admin_, method::post, accounts, body).status;
    };
    EXPECT_EQ(status(R"({"name":"a b"})"), 422U);
    EXPECT_EQ(status(R"({})"), 422U);
    EXPECT_EQ(status(R"({"name":"ci","state":"disabled"})"), 422U);
    EXPECT_EQ(status(R"({"name":"ci","project":null})"), 201U);
    const auto path = std::string(accounts) + "/ci";
    EXPECT_EQ(as(admin_, method::patch, path, R"({"state":"off"})").status, 422U);
    EXPECT_EQ(as(admin_, method::patch, path, R"({"project":"shop"})").status, 422U);
    EXPECT_EQ(
        as(admin_, method::post, path + "/api-keys", R"({"name":"k","subject":"admin"})").status,
        422U);
    const auto retried = ask(method::post, path + "/api-keys", R"({"name":"k"})",
                             {{"Authorization", "Bearer " + admin_}, {"Idempotency-Key", "k"}});
    EXPECT_EQ(retried.status, 400U);
}

}  // namespace
