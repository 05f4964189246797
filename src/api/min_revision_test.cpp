// The header X-Min-Revision, over HTTP requests.

#include <gtest/gtest.h>

#include "app/record_repository.hpp"
#include "test/support/api_stage.hpp"

namespace {

using http::method;

class min_revision : public fakes::api_handler {
  protected:
    // Writes the record as another replica does: this one learns it from the store alone.
    void write_elsewhere(app::record_kind kind, const std::string& id) {
        run([this, kind, id]() -> aio::task<> {
            auto document = co_await store_.get(app::collection_of(kind), id);
            if (!document) co_return base::pass(std::move(document));
            const auto expected = document->revision;
            auto written = co_await store_.put({.collection = app::collection_of(kind),
                                                .content = std::move(*document),
                                                .expected = expected});
            if (!written) co_return base::pass(std::move(written));
            co_return base::ok();
        });
    }
    http::response get_at_least(const std::string& target, const std::string& revision) {
        return get(target, {{"X-Min-Revision", revision}});
    }
};

TEST_F(min_revision, reads_a_newer_record_from_the_store) {
    const auto path = std::string("/api/v1/databases/") + create("cache");
    const auto known = json_of(get(path)).at("revision").as_int64();
    const auto next = std::to_string(known + 1);
    write_elsewhere(app::record_kind::database, path.substr(path.rfind('/') + 1));
    EXPECT_EQ(json_of(get(path)).at("revision"), known);
    const auto calls = store_.calls();
    EXPECT_EQ(json_of(get_at_least(path, std::to_string(known))).at("revision"), known);
    EXPECT_EQ(store_.calls(), calls) << "a known revision needs no read of the store";
    EXPECT_EQ(json_of(get_at_least(path, next)).at("revision"), known + 1);
    EXPECT_EQ(json_of(get(path)).at("revision"), known + 1);
}

TEST_F(min_revision, applies_to_the_parts_of_a_database_and_to_projects) {
    const auto id = create("cache");
    const auto known = json_of(get("/api/v1/databases/" + id)).at("revision").as_int64();
    write_elsewhere(app::record_kind::database, id);
    EXPECT_EQ(get_at_least("/api/v1/databases/" + id + "/status", std::to_string(known + 1)).status,
              200U);
    EXPECT_EQ(json_of(get("/api/v1/databases/" + id)).at("revision"), known + 1);
    EXPECT_EQ(post("/api/v1/projects", R"({"name":"shop"})").status, 201U);
    write_elsewhere(app::record_kind::project, "shop");
    EXPECT_EQ(json_of(get_at_least("/api/v1/projects/shop", "2")).at("revision"), 2);
}

TEST_F(min_revision, applies_to_writes) {
    const auto id = create("cache");
    const auto path = "/api/v1/databases/" + id;
    const auto known = json_of(get(path)).at("revision").as_int64();
    write_elsewhere(app::record_kind::database, id);
    const auto patched = ask(method::patch, path, R"({"labels":{"team":"shop"}})",
                             {{"X-Min-Revision", std::to_string(known + 1)}});
    EXPECT_EQ(patched.status, 200U) << patched.body.to_string();
    EXPECT_EQ(json_of(patched).at("database").at("revision"), known + 2);
}

TEST_F(min_revision, of_a_missing_object_is_a_404) {
    EXPECT_EQ(get_at_least("/api/v1/databases/db-none", "3").status, 404U);
    EXPECT_EQ(get_at_least("/api/v1/nothing", "3").status, 404U);
}

// Neither by the status nor by the time: both read the store once.
TEST_F(min_revision, does_not_reveal_an_object_that_the_caller_may_not_see) {
    authenticator_.add({.subject = "eve", .roles = {{"default", domain::role::developer}}});
    ASSERT_EQ(post("/api/v1/projects", R"({"name":"bank"})").status, 201U);
    const auto id = create("loans", "bank");
    const auto read = [this](const std::string& target, const std::string& revision) {
        const auto calls = store_.calls();
        const auto response =
            get(target, {{"Authorization", "Bearer eve"}, {"X-Min-Revision", revision}});
        return std::tuple(response.status, code_of(response), store_.calls() - calls);
    };
    const auto write = [this](const std::string& target, bool has_key) {
        http::headers headers{{"Authorization", "Bearer eve"}, {"X-Min-Revision", "1000"}};
        if (has_key) headers.add("Idempotency-Key", target);
        return ask(method::patch, target, R"({"labels":{}})", std::move(headers)).status;
    };
    for (const auto* revision : {"1", "1000"}) {
        const std::tuple missing(404U, "not_found", 1);
        EXPECT_EQ(read("/api/v1/projects/none", revision), missing);
        EXPECT_EQ(read("/api/v1/projects/bank", revision), missing);
        EXPECT_EQ(read("/api/v1/databases/db-none", revision), missing);
        EXPECT_EQ(read("/api/v1/databases/" + id, revision), missing);
    }
    for (const bool has_key : {false, true}) {
        EXPECT_EQ(write("/api/v1/projects/bank", has_key), 404U);
        EXPECT_EQ(write("/api/v1/databases/" + id, has_key), 404U);
    }
    for (const auto* target : {"/api/v1/projects/none", "/api/v1/projects/bank"}) {
        store_.fail_next(1);
        EXPECT_EQ(std::get<0>(read(target, "1000")), 503U) << target;
    }
}

TEST_F(min_revision, of_an_object_that_this_replica_does_not_know_is_reached) {
    authenticator_.add({.subject = "eve", .roles = {{"shop", domain::role::viewer}}});
    EXPECT_EQ(post("/api/v1/projects", R"({"name":"bank"})").status, 201U);
    run([this]() -> aio::task<> {
        const auto collection = app::collection_of(app::record_kind::project);
        auto document = co_await store_.get(collection, "bank");
        if (!document) co_return base::pass(std::move(document));
        auto& body = document->body;
        for (auto begin = body.find("bank"); begin != std::string::npos;
             begin = body.find("bank")) {
            body.replace(begin, 4, "shop");
        }
        document->id = "shop";
        document->unique.clear();
        auto written =
            co_await store_.put({.collection = collection, .content = std::move(*document)});
        if (!written) co_return base::pass(std::move(written));
        co_return base::ok();
    });
    const http::headers eve{{"Authorization", "Bearer eve"}};
    EXPECT_EQ(get("/api/v1/projects/shop", eve).status, 404U);
    auto headers = eve;
    headers.add("X-Min-Revision", "1");
    EXPECT_EQ(get("/api/v1/projects/shop", headers).status, 200U);
}

TEST_F(min_revision, counts_once_in_the_rate_limit) {
    stop();
    api::api_options options;
    options.limits.quotas[std::size_t(domain::rate_class::reads)] = {
        .interval = std::chrono::hours(1), .burst = 3};
    start(options);
    const auto id = create("cache");
    const auto path = "/api/v1/databases/" + id;
    const auto known = json_of(get(path)).at("revision").as_int64();
    write_elsewhere(app::record_kind::database, id);
    const auto response = get_at_least(path, std::to_string(known + 1));
    EXPECT_EQ(json_of(response).at("revision"), known + 1);
    EXPECT_TRUE(response.headers.has("RateLimit"));
    EXPECT_EQ(get(path).status, 200U);
    EXPECT_EQ(get(path).status, 429U);
}

TEST_F(min_revision, during_a_failure_of_the_store_is_a_503) {
    const auto id = create("cache");
    store_.fail_next(1);
    const auto response = get_at_least("/api/v1/databases/" + id, "1000");
    EXPECT_EQ(response.status, 503U);
    EXPECT_TRUE(response.headers.has("Retry-After"));
}

TEST_F(min_revision, with_a_bad_value_or_on_another_path_is_a_400) {
    const auto path = std::string("/api/v1/databases/") + create("cache");
    for (const auto* value : {"", "0", "-1", "1.5", "x", "1 ", "99999999999999999999"}) {
        const auto response = get_at_least(path, value);
        EXPECT_EQ(response.status, 400U) << value;
        EXPECT_TRUE(response.body.to_string().contains("X-Min-Revision")) << value;
    }
    for (const auto* target : {"/api/v1/databases", "/api/v1/engines", "/api/v1/auth/whoami"}) {
        EXPECT_EQ(get_at_least(target, "1").status, 400U) << target;
    }
    EXPECT_EQ(get_at_least("/health/live", "1").status, 200U);
}

}  // namespace
