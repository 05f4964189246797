// Writes at a replica that has not read yet what another replica has done to the caller, or to the
// object of the write. The replica reads both from the store.

#include <gtest/gtest.h>

#include "test/support/api_stage.hpp"

namespace {

using http::method;

class stale_callers : public fakes::api_handler {
  protected:
    void SetUp() override {
        anti_entropy_interval_ = std::chrono::hours(1);  // never, in these tests
        admin_ = app::key_registry::new_key_text().reveal();
        start({.is_auth_required = true});
        run([this] { return service_->keys().admit_admin_key(base::secret(admin_)); });
        expect(201, as(admin_, method::post, "/api/v1/projects", R"({"name":"shop"})"));
        expect(
            201,
            as(admin_, method::post, "/api/v1/roles",
               R"({"name":"keeper","permissions":["projects.read","databases.read","databases.create"]})"));
        add_user("ada", "admin");
        add_user("ben", "none");
        token_ = log_in("ada");
        other_ = app::make_service({.executor = loop_.executor(),
                                    .store = store_,
                                    .cluster = cluster_,
                                    .metrics = metrics_,
                                    .clock = clock_,
                                    .log = log_,
                                    .registry = other_registry_,
                                    .health = other_health_},
                                   {.anti_entropy_interval = anti_entropy_interval_});
    }
    // Called after the objects of the test were created.
    app::platform other() {
        run([this] { return other_->load(); });
        return other_->interfaces();
    }
    // Runs a command that must succeed.
    template <class Command>
    void succeed(Command command) {
        run([&]() -> aio::task<> {
            auto result = co_await command();
            if (!result) co_return base::pass(std::move(result));
            co_return base::ok();
        });
    }
    void narrow_keeper(const app::platform& platform) {
        succeed([&] {
            return platform.roles.replace_role(
                "keeper", {.name = "keeper", .permissions = {{"projects.read", "databases.read"}}},
                {}, operator_);
        });
    }
    http::response patch(const std::string& path, const std::string& body) {
        return ask(method::patch, path, body,
                   {{"Authorization", "Bearer " + admin_},
                    {"Content-Type", "application/merge-patch+json"}});
    }
    const ports::authenticator& authenticator() override { return service_->authenticator(); }

    http::response as(const std::string& credential, method verb, const std::string& path,
                      const std::string& body = {}) {
        return ask(verb, path, body, {{"Authorization", "Bearer " + credential}});
    }
    static void expect(unsigned status, const http::response& response) {
        EXPECT_EQ(response.status, status) << response.body.to_string();
    }
    void add_user(const std::string& name, const std::string& role) {
        expect(201, as(admin_, method::post, "/api/v1/users",
                       fmt::format(R"({{"name":"{}","role":"{}","password":"correct horse"}})",
                                   name, role)));
    }
    std::string log_in(const std::string& name) {
        const auto response =
            post("/api/v1/auth/login",
                 fmt::format(R"({{"username":"{}","password":"correct horse"}})", name));
        EXPECT_EQ(response.status, 200U) << response.body.to_string();
        return std::string(json_of(response).at("access_token").as_string());
    }
    void grant(const std::string& subject, const std::string& role) {
        const auto response = as(admin_, method::put, "/api/v1/projects/shop/members/" + subject,
                                 fmt::format(R"({{"role":"{}"}})", role));
        EXPECT_LT(response.status, 300U) << response.body.to_string();
    }
    std::string create_key(const std::string& subject) {
        const auto response = as(admin_, method::post, "/api/v1/api-keys",
                                 fmt::format(R"({{"name":"ci","subject":"{}"}})", subject));
        EXPECT_EQ(response.status, 201U) << response.body.to_string();
        key_id_ = std::string(json_of(response).at("api_key").at("id").as_string());
        return std::string(json_of(response).at("key").as_string());
    }
    http::response create_cache(const std::string& credential) {
        return as(credential, method::post, databases,
                  R"({"project":"shop","engine":"redis","name":"cache"})");
    }
    unsigned read(const std::string& credential) {
        return as(credential, method::get, databases).status;
    }

    const app::shared_principal operator_ = std::make_shared<const domain::principal>(
        domain::principal{.subject = "admin", .is_administrator = true});
    obs::registry other_registry_;
    app::readiness other_health_;
    std::unique_ptr<app::service> other_;
    std::string admin_;
    std::string token_;  // of the administrator ada
    std::string key_id_;
};

TEST_F(stale_callers, a_demoted_administrator_creates_no_user) {
    add_user("zoe", "admin");
    auto platform = other();
    succeed([&] { return platform.users.patch_user("ada", {.role = "none"}, operator_); });
    const auto response = as(token_, method::post, "/api/v1/users", R"({"name":"eve"})");
    EXPECT_NE(response.status, 201U) << response.body.to_string();
    EXPECT_EQ(as(admin_, method::get, "/api/v1/users/eve").status, 404U);
}

TEST_F(stale_callers, an_ended_session_creates_no_key) {
    auto platform = other();
    const auto caller = json_of(as(token_, method::get, "/api/v1/auth/whoami"));
    const std::string credential(caller.at("credential").as_string());
    run([&] { return platform.sessions.end_session(credential.substr(credential.find(':') + 1)); });
    EXPECT_EQ(read(token_), 200U) << "the replica has not read the end of the session";
    expect(401, as(token_, method::post, "/api/v1/api-keys", R"({"name":"ci"})"));
    EXPECT_EQ(read(token_), 401U);
}

TEST_F(stale_callers, the_sessions_of_a_user_end_with_its_epoch) {
    auto platform = other();
    run([&] { return platform.sessions.end_sessions("ada", operator_); });
    expect(401, as(token_, method::post, "/api/v1/api-keys", R"({"name":"ci"})"));
}

TEST_F(stale_callers, a_removed_owner_grants_no_role_and_reads_no_password) {
    const auto id = create_cache(admin_);
    expect(202, id);
    const std::string path =
        "/api/v1/databases/" + std::string(json_of(id).at("database").at("id").as_string());
    grant("ben", "owner");
    const auto token = log_in("ben");
    auto platform = other();
    run([&] { return platform.members.delete_member("shop", "ben", {}, operator_); });
    EXPECT_EQ(as(token, method::get, path).status, 200U);
    expect(404, as(token, method::get, path + "/credentials"));
    expect(404, as(token, method::put, "/api/v1/projects/shop/members/eve", R"({"role":"owner"})"));
    EXPECT_EQ(as(token, method::get, path).status, 404U);
}

TEST_F(stale_callers, a_narrowed_role_creates_no_database) {
    grant("ben", "keeper");
    const auto token = log_in("ben");
    auto platform = other();
    narrow_keeper(platform);
    expect(403, create_cache(token));
}

// A token whose groups give two roles has a role with both names.
TEST_F(stale_callers, each_role_of_a_token_is_read) {
    auto platform = other();
    narrow_keeper(platform);
    const auto creates = domain::permission::create_databases;
    const auto keeper = [&] { return service_->interfaces().roles.roles()->at("keeper"); };
    ASSERT_TRUE(keeper()->permissions.contains(creates));
    const auto caller = std::make_shared<const domain::principal>(
        domain::principal{.subject = "corp.eve",
                          .roles = {{"shop", {"keeper+viewer", keeper()->permissions}}},
                          .credential = "oidc:corp"});
    run([&] { return service_->interfaces().reads.read_caller(caller); });
    EXPECT_FALSE(keeper()->permissions.contains(creates));
}

TEST_F(stale_callers, a_caller_with_many_memberships_is_read_at_once) {
    grant("ben", "owner");
    auto platform = other();
    run([&] { return platform.members.delete_member("shop", "ben", {}, operator_); });
    domain::principal caller{.subject = "ben", .credential = "oidc:corp"};
    for (int number = 0; number < 40; ++number) {
        caller.roles.emplace("project-" + std::to_string(number), domain::role::viewer);
    }
    const auto calls = store_.calls();
    run([&] {
        return service_->interfaces().reads.read_caller(
            std::make_shared<const domain::principal>(caller));
    });
    EXPECT_LE(store_.calls() - calls, 3);
    EXPECT_FALSE(service_->interfaces().members.members()->contains("shop"));
}

TEST_F(stale_callers, a_revoked_key_creates_no_database) {
    grant("ben", "developer");
    const auto key = create_key("ben");
    auto platform = other();
    run([&] { return platform.api_keys.revoke_key(key_id_); });
    EXPECT_EQ(read(key), 200U);
    expect(401, create_cache(key));
}

TEST_F(stale_callers, the_key_of_a_deleted_user_creates_no_database) {
    grant("ben", "developer");
    const auto key = create_key("ben");
    auto platform = other();
    run([&] { return platform.users.delete_user("ben", operator_); });
    expect(401, create_cache(key));
}

TEST_F(stale_callers, the_key_of_a_disabled_service_account_creates_no_database) {
    expect(201, as(admin_, method::post, "/api/v1/service-accounts",
                   R"({"name":"deploy","project":"shop"})"));
    grant("service_account:deploy", "developer");
    const auto created =
        as(admin_, method::post, "/api/v1/service-accounts/deploy/api-keys", R"({"name":"ci"})");
    expect(201, created);
    const std::string key(json_of(created).at("key").as_string());
    auto platform = other();
    succeed([&] {
        return platform.service_accounts.patch_account("deploy", {.state = "disabled"}, operator_);
    });
    EXPECT_EQ(read(key), 200U);
    expect(401, create_cache(key));
}

TEST_F(stale_callers, an_unchanged_caller_writes_once) {
    expect(202, create_cache(token_));
    EXPECT_EQ(json_of(as(token_, method::get, databases)).at("items").as_array().size(), 1U);
}

TEST_F(stale_callers, a_write_is_rejected_if_the_caller_cannot_be_read) {
    store_.fail_next(1);
    const auto response = create_cache(token_);
    expect(503, response);
    EXPECT_TRUE(response.headers.has("Retry-After"));
    EXPECT_EQ(json_of(as(token_, method::get, databases)).at("items").as_array().size(), 0U);
}

TEST_F(stale_callers, a_read_of_the_cache_does_not_read_the_caller) {
    const auto calls = store_.calls();
    EXPECT_EQ(read(token_), 200U);
    EXPECT_EQ(store_.calls(), calls);
}

// The replica has read the object of the write before the other one has changed it.

TEST_F(stale_callers, a_demotion_that_changes_nothing_in_memory_is_written) {
    auto platform = other();
    succeed([&] { return platform.users.patch_user("ben", {.role = "admin"}, operator_); });
    expect(200, patch("/api/v1/users/ben", R"({"role":"none"})"));
    run([&] { return other_->users().refresh(); });
    EXPECT_EQ(other_->users().find("ben")->role, domain::platform_role::none);
}

TEST_F(stale_callers, a_quota_that_changes_nothing_in_memory_is_written) {
    auto platform = other();
    succeed([&] { return platform.projects.patch_project("shop", {.max_databases = 50}, {}, {}); });
    const auto before = json_of(as(admin_, method::get, "/api/v1/projects/shop"));
    const auto patched = patch("/api/v1/projects/shop", R"({"quota":{"databases":0}})");
    expect(200, patched);
    EXPECT_GT(json_of(patched).at("revision").as_int64(), before.at("revision").as_int64() + 1);
}

TEST_F(stale_callers, an_account_of_another_project_is_not_deleted) {
    expect(201, as(admin_, method::post, "/api/v1/projects", R"({"name":"bank"})"));
    expect(201, as(admin_, method::post, "/api/v1/service-accounts",
                   R"({"name":"deploy","project":"shop"})"));
    grant("ben", "owner");
    const auto token = log_in("ben");
    auto platform = other();
    run([&] { return platform.service_accounts.delete_account("deploy", operator_); });
    succeed([&] {
        return platform.service_accounts.create_account({.name = "deploy", .project = "bank"},
                                                        operator_);
    });
    expect(404, as(token, method::del, "/api/v1/service-accounts/deploy"));
    EXPECT_EQ(as(admin_, method::get, "/api/v1/service-accounts/deploy").status, 200U);
}

TEST_F(stale_callers, no_key_of_an_account_has_more_permissions_than_its_creator) {
    expect(201, as(admin_, method::post, "/api/v1/roles",
                   R"({"name":"key-maker","permissions":["projects.read","databases.read",)"
                   R"("service_accounts.read","service_accounts.update"]})"));
    expect(201, as(admin_, method::post, "/api/v1/service-accounts",
                   R"({"name":"deploy","project":"shop"})"));
    grant("ben", "key-maker");
    const auto token = log_in("ben");
    auto platform = other();
    succeed([&] {
        return platform.members.put_member(
            {.project = "shop", .subject = "service_account:deploy", .role = "owner"}, {},
            operator_);
    });
    expect(403,
           as(token, method::post, "/api/v1/service-accounts/deploy/api-keys", R"({"name":"ci"})"));
}

TEST_F(stale_callers, a_member_with_a_wider_role_is_not_removed) {
    expect(201, as(admin_, method::post, "/api/v1/roles",
                   R"({"name":"doorman","permissions":["projects.read","databases.read",)"
                   R"("members.read","members.update"]})"));
    grant("zoe", "viewer");
    grant("ben", "doorman");
    const auto token = log_in("ben");
    auto platform = other();
    succeed([&] {
        return platform.members.put_member({.project = "shop", .subject = "zoe", .role = "owner"},
                                           {}, operator_);
    });
    expect(403, as(token, method::del, "/api/v1/projects/shop/members/zoe"));
}

TEST_F(stale_callers, a_deleted_user_and_a_deleted_project_keep_no_members) {
    auto platform = other();
    for (const auto* subject : {"ben", "eve"}) {
        succeed([&] {
            return platform.members.put_member(
                {.project = "shop", .subject = subject, .role = "owner"}, {}, operator_);
        });
    }
    const auto stored_members = [&] {
        std::size_t count = 0;
        run([&]() -> aio::task<> {
            const auto page = co_await store_.find({.collection = "members"});
            count = page->items.size();
            co_return base::ok();
        });
        return count;
    };
    expect(204, as(admin_, method::del, "/api/v1/users/ben"));
    EXPECT_EQ(stored_members(), 1U);
    expect(204, as(admin_, method::del, "/api/v1/projects/shop"));
    EXPECT_EQ(stored_members(), 0U);
}

// The other replica has created the object, and this one does not know it. A client takes a 404 for
// an object that is gone.

TEST_F(stale_callers, a_key_of_another_replica_is_revoked) {
    const auto token = log_in("ben");
    auto platform = other();
    std::vector<std::string> ids;
    for (const auto* subject : {"ben", "admin"}) {
        run([&]() -> aio::task<> {
            auto created = co_await platform.api_keys.create_key({.name = "ci", .subject = subject},
                                                                 operator_);
            if (!created) co_return base::pass(std::move(created));
            ids.push_back(created->record->id);
            co_return base::ok();
        });
    }
    expect(404, as(token, method::del, "/api/v1/api-keys/" + ids[1]));
    expect(204, as(token, method::del, "/api/v1/api-keys/" + ids[0]));
    expect(204, as(admin_, method::del, "/api/v1/api-keys/" + ids[1]));
    run([&] { return other_->keys().refresh(); });
    for (const auto& id : ids) EXPECT_TRUE(platform.api_keys.keys()->at(id).record->revoked_at);
}

TEST_F(stale_callers, a_user_of_another_replica_is_demoted_and_deleted) {
    auto platform = other();
    for (const auto* name : {"eve", "max"}) {
        succeed(
            [&] { return platform.users.create_user({.name = name, .role = "admin"}, operator_); });
    }
    expect(200, patch("/api/v1/users/eve", R"({"role":"none"})"));
    expect(204, as(admin_, method::del, "/api/v1/users/max"));
}

TEST_F(stale_callers, a_member_and_an_account_of_another_replica_are_deleted) {
    grant("ben", "owner");
    const auto token = log_in("ben");
    auto platform = other();
    succeed([&] {
        return platform.members.put_member({.project = "shop", .subject = "eve", .role = "owner"},
                                           {}, operator_);
    });
    for (const auto* name : {"deploy", "build"}) {
        succeed([&] {
            return platform.service_accounts.create_account({.name = name, .project = "shop"},
                                                            operator_);
        });
    }
    std::string key;
    run([&]() -> aio::task<> {
        auto created = co_await platform.service_accounts.create_account_key(
            "build", {.name = "ci"}, operator_);
        if (!created) co_return base::pass(std::move(created));
        key = created->record->id;
        co_return base::ok();
    });
    const std::string accounts = "/api/v1/service-accounts/";
    expect(204, as(token, method::del, "/api/v1/projects/shop/members/eve"));
    expect(204, as(token, method::del, accounts + "build/api-keys/" + key));
    expect(204, as(token, method::del, accounts + "deploy"));
    expect(204, as(admin_, method::del, accounts + "build"));
}

TEST_F(stale_callers, a_role_and_a_project_of_another_replica_are_deleted) {
    auto platform = other();
    succeed([&] {
        return platform.roles.create_role(
            {.name = "reader", .permissions = {{"projects.read", "databases.read"}}}, operator_);
    });
    succeed([&] { return platform.projects.create_project({.name = "bank"}, {}, {}); });
    expect(204, as(admin_, method::del, "/api/v1/roles/reader"));
    expect(204, as(admin_, method::del, "/api/v1/projects/bank"));
}

// Here this replica creates the database, and the other one does not know it.
TEST_F(stale_callers, a_database_of_another_replica_is_deleted) {
    auto platform = other();
    const auto created = create_cache(admin_);
    expect(202, created);
    const std::string id(json_of(created).at("database").at("id").as_string());
    succeed([&] {
        return platform.reads.read_for_write(
            operator_, {.type = app::written_object::kind::database, .id = id});
    });
    succeed([&] { return platform.databases.delete_database(id, {}, {}); });
}

TEST_F(stale_callers, a_missing_object_is_read_once_and_stays_missing) {
    const auto token = log_in("ben");
    const auto calls = store_.calls();
    expect(404, as(token, method::del, "/api/v1/api-keys/abcdefghijkl"));
    EXPECT_LE(store_.calls() - calls, 4);
    store_.fail_next(1);
    expect(503, as(token, method::del, "/api/v1/api-keys/abcdefghijkl"));
}

}  // namespace
