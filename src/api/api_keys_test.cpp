// The life of an API key, over the whole API.

#include <gtest/gtest.h>

#include <algorithm>

#include "base/time_text.hpp"
#include "test/support/api_stage.hpp"

namespace {

using http::method;

class api_keys : public fakes::api_handler {
  protected:
    void SetUp() override {
        admin_ = app::key_registry::new_key_text();
        start();
        run([this] { return service_->keys().admit_admin_key(admin_); });
    }
    const ports::authenticator& authenticator() override { return service_->authenticator(); }

    http::response admin(method verb, const std::string& path, const std::string& body = {}) {
        return ask(verb, path, body, {{"Authorization", "Bearer " + admin_.reveal()}});
    }
    // Creates a key; `text_` is its text and `path_` its path.
    void create(const std::string& members) {
        const auto created =
            admin(method::post, "/api/v1/api-keys", R"({"name":"k")" + members + "}");
        ASSERT_EQ(created.status, 201U) << created.body.to_string();
        const auto document = json_of(created);
        text_ = document.at("key").as_string();
        path_ = "/api/v1/api-keys/";
        path_ += document.at("api_key").at("id").as_string();
    }
    http::response use() { return get("/api/v1/projects", {{"Authorization", "Bearer " + text_}}); }
    json::value member(const std::string& name) {
        return json_of(admin(method::get, path_)).at(name);
    }
    // Returns the code and the field errors of a rejected change.
    std::string rejection_of(const std::string& body) {
        const auto response = admin(method::patch, path_, body);
        EXPECT_EQ(response.status, 422U) << response.body.to_string();
        const auto error = json_of(response).at("errors").at(0);
        return std::string(error.at("pointer").as_string()) + " " +
               std::string(error.at("code").as_string());
    }
    void pass(std::chrono::microseconds duration) {
        clock_.advance(duration);
        settle();
    }

    base::secret admin_;
    std::string text_;
    std::string path_;
};

TEST_F(api_keys, show_their_last_use) {
    create("");
    EXPECT_TRUE(member("last_used_at").is_null());
    EXPECT_TRUE(member("last_used_address").is_null());
    const auto now = base::to_rfc3339(clock_.utc_now());
    EXPECT_EQ(use().status, 200U);
    EXPECT_EQ(member("last_used_at"), json::value(now));
    const auto items = json_of(admin(method::get, "/api/v1/api-keys")).at("items").as_array();
    EXPECT_TRUE(std::ranges::any_of(
        items, [&](const auto& item) { return item.at("last_used_at") == json::value(now); }));
    const auto rotated = json_of(admin(method::post, path_ + "/rotate", "{}"));
    EXPECT_EQ(rotated.at("api_key").at("last_used_at"), json::value(now));
}

TEST_F(api_keys, change_and_lose_the_limit_of_the_time_without_use) {
    create(R"(,"max_unused_days":7)");
    EXPECT_EQ(member("max_unused_days"), json::value(7));
    EXPECT_EQ(rejection_of(R"({"max_unused_days":0})"), "/max_unused_days out_of_range");
    EXPECT_EQ(rejection_of(R"({"max_unused_days":"7"})"), "/max_unused_days wrong_type");
    EXPECT_EQ(member("max_unused_days"), json::value(7));
    EXPECT_EQ(admin(method::patch, path_, R"({"max_unused_days":30})").status, 200U);
    EXPECT_EQ(member("max_unused_days"), json::value(30));
    EXPECT_EQ(admin(method::patch, path_, R"({"max_unused_days":null})").status, 200U);
    EXPECT_TRUE(member("max_unused_days").is_null());
}

TEST_F(api_keys, have_states_that_need_attention) {
    create("");
    EXPECT_EQ(member("state"), json::value("active"));
    pass(std::chrono::days(30));
    EXPECT_EQ(member("state"), json::value("stale"));
    EXPECT_EQ(use().status, 200U);
    EXPECT_EQ(member("state"), json::value("active"));
    pass(std::chrono::days(46));
    EXPECT_EQ(use().status, 200U);
    EXPECT_EQ(member("state"), json::value("expiring"));
    pass(std::chrono::days(14));
    EXPECT_EQ(member("state"), json::value("expired"));
    EXPECT_EQ(use().status, 401U);
    EXPECT_EQ(code_of(use()), "key_expired");
}

TEST_F(api_keys, expire_without_uses) {
    create(R"(,"max_unused_days":1)");
    pass(std::chrono::days(1));
    EXPECT_EQ(member("state"), json::value("expired"));
    pass(app::key_commands::use_delay_max);
    const auto response = use();
    EXPECT_EQ(response.status, 401U);
    EXPECT_EQ(code_of(response), "key_expired");
    EXPECT_EQ(response.headers.get("WWW-Authenticate"), "Bearer");
    EXPECT_EQ(admin(method::post, path_ + "/rotate", "{}").status, 409U);
    EXPECT_EQ(admin(method::patch, path_, R"({"max_unused_days":1})").status, 200U);
    EXPECT_EQ(use().status, 200U);
    EXPECT_EQ(admin(method::del, path_).status, 204U);
    EXPECT_EQ(code_of(use()), "unauthenticated");
}

}  // namespace
