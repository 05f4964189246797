// Logins and sessions, over HTTP requests.

#include <gtest/gtest.h>

#include "test/support/api_stage.hpp"

namespace {

using http::method;

class api_sessions : public fakes::api_handler {
  protected:
    void SetUp() override {
        admin_ = app::key_registry::new_key_text();
        start({.is_auth_required = true});
        run([this] { return service_->keys().admit_admin_key(admin_); });
        const auto response =
            post("/api/v1/users", R"({"name":"ada","role":"admin","password":"correct horse"})",
                 bearer(admin_.reveal()));
        ASSERT_EQ(response.status, 201U) << response.body.to_string();
    }
    const ports::authenticator& authenticator() override { return service_->authenticator(); }

    static http::headers bearer(const std::string& token) {
        return {{"Authorization", "Bearer " + token}};
    }
    http::response log_in(const std::string& password = "correct horse",
                          const std::string& name = "ada") {
        return post("/api/v1/auth/login",
                    fmt::format(R"({{"username":"{}","password":"{}"}})", name, password));
    }
    http::response refresh(const std::string& token) {
        return post("/api/v1/auth/refresh", fmt::format(R"({{"refresh_token":"{}"}})", token));
    }
    static std::string text_at(const http::response& response, const char* member) {
        return std::string(json_of(response).at(member).as_string());
    }

    base::secret admin_;
};

TEST_F(api_sessions, a_login_gives_tokens_that_authenticate) {
    const auto tokens = log_in();
    ASSERT_EQ(tokens.status, 200U) << tokens.body.to_string();
    EXPECT_EQ(tokens.headers.get("Cache-Control"), "no-store");
    EXPECT_EQ(text_at(tokens, "token_type"), "Bearer");
    EXPECT_EQ(json_of(tokens).at("expires_in"), 900);
    const auto token = text_at(tokens, "access_token");
    const auto caller = json_of(get("/api/v1/auth/whoami", bearer(token)));
    EXPECT_EQ(caller.at("subject"), "ada");
    EXPECT_EQ(caller.at("administrator"), true);
    EXPECT_TRUE(std::string(caller.at("credential").as_string()).starts_with("session:"));
    EXPECT_EQ(get("/api/v1/databases", bearer(token)).status, 200U);
    const auto next = refresh(text_at(tokens, "refresh_token"));
    EXPECT_EQ(next.status, 200U);
    EXPECT_NE(text_at(next, "refresh_token"), text_at(tokens, "refresh_token"));
}

TEST_F(api_sessions, a_rejected_login_does_not_reveal_whether_the_user_exists) {
    const auto wrong = log_in("wrong");
    const auto unknown = log_in("wrong", "eve");
    EXPECT_EQ(wrong.status, 401U);
    EXPECT_EQ(unknown.status, 401U);
    EXPECT_EQ(code_of(wrong), "invalid_login");
    EXPECT_EQ(text_at(wrong, "detail"), text_at(unknown, "detail"));
    EXPECT_EQ(refresh("dbr_x").status, 401U);
    EXPECT_EQ(post("/api/v1/auth/login", R"({"username":"ada"})").status, 422U);
    EXPECT_EQ(post("/api/v1/auth/login", R"({"username":"ada","password":1})").status, 422U);
}

TEST_F(api_sessions, a_logout_ends_the_session_and_its_stream) {
    const auto tokens = log_in();
    const auto token = text_at(tokens, "access_token");
    auto outgoing = answer({.target = "/api/v1/stream", .headers = bearer(token)});
    ASSERT_TRUE(outgoing.stream);
    EXPECT_EQ(ask(method::post, "/api/v1/auth/logout", "", bearer(token)).status, 204U);
    EXPECT_EQ(get("/api/v1/databases", bearer(token)).status, 401U);
    EXPECT_EQ(refresh(text_at(tokens, "refresh_token")).status, 401U);
    fakes::stream_reader reader("an event that does not come");
    run([&] { return outgoing.stream(reader); });  // ends
    EXPECT_EQ(ask(method::post, "/api/v1/auth/logout", "", bearer(admin_.reveal())).status, 409U);
}

TEST_F(api_sessions, an_administrator_ends_every_session_of_a_user) {
    const auto token = text_at(log_in(), "access_token");
    const auto response =
        ask(method::post, "/api/v1/users/ada/sessions:revoke", "", bearer(admin_.reveal()));
    EXPECT_EQ(response.status, 204U);
    EXPECT_EQ(get("/api/v1/databases", bearer(token)).status, 401U);
    EXPECT_EQ(log_in().status, 200U);
}

// Returns the cookies of a response as the header of the next request.
std::string cookies_of(const http::response& response) {
    std::string text;
    for (const auto& header : response.headers.items()) {
        if (header.name != "Set-Cookie") continue;
        text += (text.empty() ? "" : "; ") + header.value.substr(0, header.value.find(';'));
    }
    return text;
}

TEST_F(api_sessions, a_browser_session_has_its_tokens_in_cookies_and_needs_a_csrf_token) {
    const auto start =
        post("/api/v1/auth/session", R"({"username":"ada","password":"correct horse"})");
    ASSERT_EQ(start.status, 200U) << start.body.to_string();
    EXPECT_FALSE(start.body.to_string().contains("eyJ"));
    for (const auto& header : start.headers.items()) {
        if (header.name != "Set-Cookie") continue;
        EXPECT_TRUE(header.value.contains("; Secure; SameSite=Strict")) << header.value;
        // Browsers reject a cookie of this prefix from another host of the domain.
        EXPECT_TRUE(header.value.starts_with("__Host-")) << header.value;
        EXPECT_TRUE(header.value.contains("; Path=/;")) << header.value;
        EXPECT_FALSE(header.value.contains("Domain")) << header.value;
        EXPECT_EQ(header.value.contains("HttpOnly"), !header.value.contains("csrf"));
    }
    const auto cookies = cookies_of(start);
    const auto csrf = text_at(start, "csrf_token");
    EXPECT_EQ(get("/api/v1/databases", {{"Cookie", cookies}}).status, 200U);
    const auto create = [&](const http::headers& headers) {
        return post("/api/v1/projects?dry_run=true", R"({"name":"shop"})", headers).status;
    };
    EXPECT_EQ(create({{"Cookie", cookies}}), 403U);
    EXPECT_EQ(create({{"Cookie", cookies}, {"X-CSRF-Token", "wrong"}}), 403U);
    EXPECT_EQ(create({{"Cookie", cookies}, {"X-CSRF-Token", csrf}}), 200U);
    EXPECT_TRUE(snapshot({{"Cookie", cookies}}).contains("event: sync"));

    const auto refresh_path = "/api/v1/auth/session:refresh";
    EXPECT_EQ(ask(method::post, refresh_path, "", {{"Cookie", cookies}}).status, 403U);
    const auto next =
        ask(method::post, refresh_path, "", {{"Cookie", cookies}, {"X-CSRF-Token", csrf}});
    ASSERT_EQ(next.status, 200U) << next.body.to_string();
    const auto end =
        ask(method::post, "/api/v1/auth/logout", "",
            {{"Cookie", cookies_of(next)}, {"X-CSRF-Token", text_at(next, "csrf_token")}});
    EXPECT_EQ(end.status, 204U);
    EXPECT_TRUE(end.headers.get("Set-Cookie").contains("Max-Age=0"));
    EXPECT_EQ(get("/api/v1/databases", {{"Cookie", cookies_of(next)}}).status, 401U);
}

// Another host of the domain can set a cookie of any value, but none with the prefix __Host-.
TEST_F(api_sessions, the_value_of_another_cookie_is_no_session) {
    const auto session = "__Host-dbaas-session=" + text_at(log_in(), "access_token");
    EXPECT_EQ(get("/api/v1/databases", {{"Cookie", "a=b; " + session}}).status, 200U);
    for (const auto& cookies : {"a=b," + session, "a=b, " + session, "a=" + session}) {
        EXPECT_EQ(get("/api/v1/databases", {{"Cookie", cookies}}).status, 401U) << cookies;
    }
}

TEST_F(api_sessions, an_api_key_in_the_cookie_is_no_session) {
    const auto response =
        get("/api/v1/databases", {{"Cookie", "__Host-dbaas-session=" + admin_.reveal()}});
    EXPECT_EQ(response.status, 401U);
    EXPECT_FALSE(response.body.to_string().contains(admin_.reveal()));
}

TEST_F(api_sessions, a_credential_in_a_url_is_rejected) {
    const auto token = text_at(log_in(), "access_token");
    for (const auto& path :
         {"/api/v1/stream?access_token=" + token, "/api/v1/databases?limit=1&token=" + token,
          "/api/v1/databases?api_key=" + admin_.reveal(),
          std::string("/api/v1/auth/login?username=ada&password=x")}) {
        const auto response =
            ask(path.contains("login") ? method::post : method::get, path, "", bearer(token));
        EXPECT_EQ(response.status, 400U);
        EXPECT_EQ(code_of(response), "credential_in_query");
        EXPECT_FALSE(response.body.to_string().contains(token));
    }
}

TEST_F(api_sessions, a_refresh_token_is_accepted_in_its_member_alone) {
    const auto token = text_at(log_in(), "refresh_token");
    const auto in_url = get("/api/v1/databases?search=" + token, bearer(admin_.reveal()));
    EXPECT_EQ(code_of(in_url), "credential_in_query");
    const auto in_path = get("/api/v1/users/" + token, bearer(admin_.reveal()));
    EXPECT_EQ(code_of(in_path), "credential_in_path");
    const auto in_text =
        post("/api/v1/projects", fmt::format(R"({{"name":"shop","display_name":"{}"}})", token),
             bearer(admin_.reveal()));
    EXPECT_EQ(in_text.status, 422U);
    for (const auto& text : {token + "x", admin_.reveal()}) {
        EXPECT_EQ(refresh(text).status, 422U);
    }
    auto headers = bearer(admin_.reveal());
    headers.add("User-Agent", "curl " + token);
    EXPECT_EQ(post("/api/v1/projects", R"({"name":"shop"})", headers).status, 201U);
    settle();
    for (const auto& line : log_.lines()) EXPECT_FALSE(line.contains(token));
    for (const auto& response : {in_url, in_path, in_text}) {
        EXPECT_FALSE(response.body.to_string().contains(token));
    }
    EXPECT_EQ(refresh(token).status, 200U);
}

TEST_F(api_sessions, refreshes_and_logouts_have_an_actor_in_the_audit_log) {
    const auto rows_of = [this](const std::string& action, const std::string& outcome) {
        settle();
        clock_.advance(std::chrono::seconds(1));
        settle();
        std::string text;
        const auto response =
            get(fmt::format("/api/v1/audit?action={}&outcome={}", action, outcome),
                bearer(admin_.reveal()));
        const auto page = json_of(response);
        for (const auto& row : page.at("items").as_array()) {
            text +=
                fmt::format("{} {} {} {};", row.at("actor").as_string().c_str(),
                            row.at("via").as_string().c_str(), row.at("kind").as_string().c_str(),
                            row.at("object").as_string().c_str());
        }
        return text;
    };
    const auto first = log_in();
    const auto session =
        std::string(json_of(get("/api/v1/auth/whoami", bearer(text_at(first, "access_token"))))
                        .at("credential")
                        .as_string());
    const auto row = "ada " + session + " session ada;";
    EXPECT_EQ(rows_of("log_in", "success"), "ada password session ada;");
    const auto second = refresh(text_at(first, "refresh_token"));
    EXPECT_EQ(rows_of("refresh_session", "success"), row);
    ASSERT_EQ(refresh(text_at(second, "refresh_token")).status, 200U);
    ASSERT_EQ(refresh(text_at(first, "refresh_token")).status, 401U);  // reused
    EXPECT_EQ(rows_of("refresh_session", "denied"), row);
    const auto token = text_at(log_in(), "access_token");
    ASSERT_EQ(ask(method::post, "/api/v1/auth/logout", "", bearer(token)).status, 204U);
    EXPECT_TRUE(rows_of("log_out", "success").starts_with("ada session:"));
    EXPECT_TRUE(rows_of("log_out", "success").ends_with(" session ada;"));
}

TEST_F(api_sessions, reads_succeed_during_a_flood_of_invalid_credentials) {
    const auto token = text_at(log_in(), "access_token");
    const auto read = [&](const std::string& credential) {
        return get("/api/v1/databases", bearer(credential)).status;
    };
    for (int i = 0; i < 250; ++i) {
        ASSERT_EQ(read(token), 200U);
        ASSERT_EQ(read(admin_.reveal()), 200U);
        ASSERT_EQ(read(fmt::format("{}{:04}", token.substr(0, token.size() - 4), i)), 401U);
        ASSERT_EQ(read(fmt::format("x{}{}", i, token)), 401U);
        ASSERT_EQ(read(app::key_registry::new_key_text().reveal()), 401U);
        ASSERT_EQ(read(fmt::format("e{}.e.e", i)), 401U);
    }
}

TEST_F(api_sessions, a_rejected_token_is_logged_with_the_reason_and_without_the_token) {
    const auto token = text_at(log_in(), "access_token");
    const auto forged = token.substr(0, token.size() - 4) + "AAAA";
    const auto response = get("/api/v1/databases", bearer(forged));
    EXPECT_EQ(text_at(response, "detail"),
              "the credential is neither an API key nor a valid access token");
    const auto lines = log_.lines_of("authentication_rejected");
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_TRUE(lines[0].contains("signature")) << lines[0];
    for (const auto& line : log_.lines()) {
        EXPECT_FALSE(line.contains(forged.substr(forged.rfind('.')))) << line;
    }
    EXPECT_EQ(get("/api/v1/databases").status, 401U);
    EXPECT_EQ(log_.lines_of("authentication_rejected").size(), 1U) << "there was no credential";
}

TEST_F(api_sessions, the_methods_and_the_key_set_are_public) {
    const auto methods = json_of(get("/api/v1/auth/methods"));
    EXPECT_EQ(methods.at("required"), true);
    EXPECT_EQ(methods.at("methods"), json::value(json::array{"password", "api_key"}));
    const auto keys = get("/.well-known/jwks.json");
    EXPECT_EQ(keys.status, 200U);
    EXPECT_EQ(json_of(keys).at("keys").as_array().at(0).at("kty"), "OKP");
    EXPECT_FALSE(keys.body.to_string().contains("\"d\""));
}

}  // namespace
