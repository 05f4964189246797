// Logins at OpenID issuers, from the request of the browser or the command line to the session.

#include <gtest/gtest.h>

#include "test/support/api_stage.hpp"
#include "test/support/fake_identity_provider.hpp"
#include "token/api_key.hpp"

namespace {

const std::string start_path = "/api/v1/auth/oidc/corp/start";
const std::string callback_path = "/api/v1/auth/oidc/corp/callback";
const http::headers cookie{{"Cookie", "a=b; __Host-dbaas-login=secret1~/docs; c=d"}};

// Returns the texts of all cookies that a response sets.
std::string cookies_of(const http::response& response) {
    std::string text;
    for (const auto& header : response.headers.items()) {
        if (header.name == "Set-Cookie") text += header.value + "\n";
    }
    return text;
}

class oidc_login : public fakes::api_handler {
  protected:
    ports::identity_provider* provider() override { return &provider_; }
    app::external_login* logins() override {
        const auto platform = service_->interfaces();
        logins_ = std::make_unique<app::external_login>(
            app::external_login::deps{.users = platform.users,
                                      .members = platform.members,
                                      .roles = platform.roles,
                                      .sessions = platform.sessions,
                                      .rules = platform.group_rules,
                                      .reads = platform.reads,
                                      .log = log_});
        return logins_.get();
    }
    http::response call_back(const std::string& query, http::headers headers = cookie) {
        return get(callback_path + "?" + query, std::move(headers));
    }
    // The role of corp.ada in the project "default"; "" if she has none.
    std::string role() {
        const auto members = json_of(get("/api/v1/projects/default/members")).at("items");
        for (const auto& item : members.as_array()) {
            if (item.at("subject") == "corp.ada") return std::string(item.at("role").as_string());
        }
        return {};
    }
    std::string platform_role() {
        return std::string(json_of(get("/api/v1/users/corp.ada")).at("role").as_string());
    }

    fakes::fake_identity_provider provider_;
    std::unique_ptr<app::external_login> logins_;
};

TEST_F(oidc_login, redirects_the_browser_and_binds_it_with_a_cookie) {
    const auto response = get(start_path);
    EXPECT_EQ(response.status, 303U);
    EXPECT_EQ(response.headers.get("Location"), "https://id.example/authorize?state=s1");
    EXPECT_EQ(response.headers.get("Set-Cookie"),
              "__Host-dbaas-login=secret1~/; Path=/; HttpOnly; SameSite=Lax; Max-Age=600; Secure");
    EXPECT_EQ(response.headers.get("Cache-Control"), "no-store");
}

TEST_F(oidc_login, starts_a_session_for_a_new_user) {
    provider_.user.email = "ada@example.com";
    const auto response =
        call_back("code=c1&state=s1&iss=https%3A%2F%2Fid.example&session_state=x");
    ASSERT_EQ(response.status, 303U) << response.body.to_string();
    EXPECT_EQ(response.headers.get("Location"), "/docs");
    EXPECT_EQ(response.body.to_string(), "");
    const auto cookies = cookies_of(response);
    EXPECT_TRUE(cookies.contains("__Host-dbaas-login=;"));  // deleted
    EXPECT_TRUE(cookies.contains("__Host-dbaas-session=eyJ"));
    EXPECT_TRUE(cookies.contains("__Host-dbaas-csrf="));
    EXPECT_EQ(response.headers.get("Cache-Control"), "no-store");
    EXPECT_EQ(response.headers.get("Referrer-Policy"), "no-referrer");
    EXPECT_EQ(provider_.last.code.reveal(), "c1");
    EXPECT_EQ(provider_.last.issuer, "https://id.example");
    const auto user = json_of(get("/api/v1/users/corp.ada"));
    EXPECT_EQ(user.at("email"), "ada@example.com");
    EXPECT_EQ(user.at("has_password"), false);
    EXPECT_EQ(call_back("code=c1&state=s1").status, 303U);  // the user exists
}

// The e-mail address is optional.
TEST_F(oidc_login, ignores_an_email_that_is_not_acceptable) {
    const auto key = token::make_api_key().text.reveal();
    const std::string long_name(250, '~');  // no random text in a log line contains it
    const std::vector<std::string> emails{long_name + "@b.cd", "a\nb@c.de", "j\xc3\xbcrgen@c.de",
                                          "no-address", "<a@c.de>"};
    for (std::size_t index = 0; index < emails.size(); ++index) {
        provider_.user.subject = fmt::format("corp.u{}", index);
        provider_.user.email = emails[index];
        const auto response = call_back("code=c1&state=s1");
        EXPECT_EQ(response.status, 303U) << response.body.to_string();
        EXPECT_TRUE(cookies_of(response).contains("__Host-dbaas-session=eyJ"));
        const auto user = json_of(get("/api/v1/users/" + provider_.user.subject));
        EXPECT_TRUE(user.at("email").is_null());
        EXPECT_EQ(log_.lines_of("email_not_applied").size(), index + 1);
        EXPECT_EQ(call_back("code=c1&state=s1").status, 303U);  // the user exists
        EXPECT_EQ(log_.lines_of("email_not_applied").size(), index + 1);
    }
    for (const auto& line : log_.lines()) {
        EXPECT_FALSE(line.contains("c.de") || line.contains("no-address") ||
                     line.contains("~~~~") || line.contains(key))
            << line;
    }
}

TEST_F(oidc_login, needs_the_cookie_and_the_state_of_the_login) {
    EXPECT_EQ(code_of(call_back("code=c1&state=s1", {})), "no_login");
    EXPECT_EQ(code_of(call_back("code=c1&state=s2")), "state");
    EXPECT_EQ(call_back("code=c1&state=s1", {}).status, 401U);
    // A cookie without the prefix may come from another host of the domain.
    EXPECT_EQ(code_of(call_back("code=c1&state=s1", {{"Cookie", "dbaas-login=secret1"}})),
              "no_login");
    EXPECT_EQ(call_back("code=c1&state=s1&state=s2").status, 400U);
    EXPECT_EQ(call_back("code=%zz").status, 400U);
}

TEST_F(oidc_login, a_callback_that_was_used_before_is_a_bad_request) {
    provider_.is_used = true;
    const auto response = call_back("code=c1&state=s1");
    EXPECT_EQ(response.status, 400U);
    EXPECT_EQ(code_of(response), "login_used");
    EXPECT_FALSE(cookies_of(response).contains("dbaas-session"));
}

// A link preview or a virus scanner may send HEAD with the URL of a callback.
TEST_F(oidc_login, head_has_no_effect) {
    for (const auto& path : {start_path, callback_path + "?code=c1&state=s1"}) {
        const auto response = ask(http::method::head, path, {}, cookie);
        EXPECT_EQ(response.status, 405U) << path;
        EXPECT_EQ(response.headers.get("Allow"), "GET, OPTIONS");
        EXPECT_EQ(cookies_of(response), "");
    }
    EXPECT_TRUE(provider_.last.code.empty());
    EXPECT_EQ(get("/api/v1/users/corp.ada").status, 404U);
    EXPECT_EQ(call_back("code=c1&state=s1").status, 303U);
}

TEST_F(oidc_login, never_redirects_to_another_host) {
    for (const std::string target :
         {"https://evil.example", "//evil.example", "/%5Cevil.example", "%2F%2Fevil.example",
          "/%09/evil.example", "evil", "", "/a%3Bb", "javascript:alert(1)", "/.//evil.example",
          "/..//evil.example", "/./%2Fevil.example", "/docs//evil.example", "/%252Fevil.example"}) {
        const auto begun = get(start_path + "?return_to=" + target);
        EXPECT_EQ(begun.status, 400U) << target;
        EXPECT_FALSE(begun.headers.has("Set-Cookie"));
    }
    for (const std::string name : {"redirect_uri", "next", "iss"}) {
        EXPECT_EQ(get(start_path + "?" + name + "=/docs").status, 400U);
        const auto ended = call_back("code=c1&state=s1&" + name + "=https://evil.example");
        EXPECT_EQ(ended.headers.get("Location"), "/docs");
    }
    // The cookie is checked again, although a browser takes it from this platform alone.
    for (const std::string path : {"//evil.example", "https://evil.example", "/\\evil.example"}) {
        const auto ended =
            call_back("code=c1&state=s1", {{"Cookie", "__Host-dbaas-login=secret1~" + path}});
        EXPECT_EQ(ended.headers.get("Location"), "/") << path;
    }
    EXPECT_TRUE(get(start_path + "?return_to=/docs%3Fa%3D//%252E")
                    .headers.get("Set-Cookie")
                    .contains("=secret1~/docs?a=//%2E;"));
}

TEST_F(oidc_login, keeps_the_roles_of_the_groups) {
    provider_.user.managed_projects = {"default", "missing"};
    provider_.user.roles = {{"default", {"developer"}}, {"missing", {"owner"}}};
    ASSERT_EQ(call_back("code=c1&state=s1").status, 303U);
    EXPECT_EQ(role(), "developer");
    EXPECT_EQ(log_.lines_of("role_not_applied").size(), 1U);
    provider_.user.roles = {{"default", {"viewer"}}};
    ASSERT_EQ(call_back("code=c1&state=s1").status, 303U);
    EXPECT_EQ(role(), "viewer");
    provider_.user.roles.clear();
    ASSERT_EQ(call_back("code=c1&state=s1").status, 303U);
    EXPECT_EQ(role(), "");
    // A role that a member has granted stays.
    ask(http::method::put, "/api/v1/projects/default/members/corp.ada", R"({"role":"owner"})");
    provider_.user.roles = {{"default", {"viewer"}}};
    ASSERT_EQ(call_back("code=c1&state=s1").status, 303U);
    EXPECT_EQ(role(), "owner");
}

TEST_F(oidc_login, ends_the_role_of_a_removed_rule) {
    auto& rules = service_->interfaces().group_rules;
    provider_.user.managed_projects = {"default"};
    provider_.user.roles = {{"default", {"developer"}}};
    rules.use({{.method = "oidc:corp", .project = "default", .role = "developer"}});
    ASSERT_EQ(call_back("code=c1&state=s1").status, 303U);
    EXPECT_EQ(role(), "developer");
    provider_.user.managed_projects.clear();
    provider_.user.roles.clear();
    ASSERT_EQ(call_back("code=c1&state=s1").status, 303U);
    EXPECT_EQ(role(), "developer");  // the rule is still in use
    rules.use({});
    ASSERT_EQ(call_back("code=c1&state=s1").status, 303U);
    EXPECT_EQ(role(), "");
}

TEST_F(oidc_login, ends_the_role_of_a_removed_rule_without_a_login) {
    auto& rules = service_->interfaces().group_rules;
    provider_.user.managed_projects = {"default"};
    provider_.user.roles = {{"default", {"developer"}}};
    rules.use({{.method = "oidc:corp", .project = "default", .role = "developer"}});
    ASSERT_EQ(call_back("code=c1&state=s1").status, 303U);
    clock_.advance(std::chrono::seconds(60));
    settle();
    EXPECT_EQ(role(), "developer");
    rules.use({});
    clock_.advance(std::chrono::seconds(60));
    settle();
    EXPECT_EQ(role(), "");
}

TEST_F(oidc_login, gives_custom_roles_to_groups) {
    const auto define = [&](const char* name, const char* permissions) {
        const auto body =
            fmt::format(R"({{"name":"{}","permissions":["projects.read",{}]}})", name, permissions);
        EXPECT_EQ(post("/api/v1/roles", body).status, 201U);
    };
    define("operator", R"("databases.read","databases.operate")");
    define("pauser", R"("databases.operate")");
    const auto log_in = [&](std::vector<std::string> names) {
        provider_.user.managed_projects = {"default"};
        provider_.user.roles = {{"default", std::move(names)}};
        EXPECT_EQ(call_back("code=c1&state=s1").status, 303U);
        return role();
    };
    EXPECT_EQ(log_in({"operator"}), "operator");
    EXPECT_EQ(log_in({"pauser", "operator"}), "operator");  // includes the other one
    EXPECT_EQ(log_in({"viewer", "operator"}), "viewer");    // neither includes the other one
    EXPECT_EQ(log_in({"operator", "owner", "viewer"}), "owner");
    EXPECT_EQ(log_in({"missing", "operator"}), "operator");
    EXPECT_EQ(log_in({"missing"}), "");
    EXPECT_EQ(log_.lines_of("role_not_applied").size(), 2U);
    // databases.create includes the other permission, whether a role names it or not.
    define("creator", R"("databases.create")");
    define("lead", R"("databases.create","databases.create_from_preset")");
    define("builder", R"("databases.create_from_preset")");
    EXPECT_EQ(log_in({"builder", "creator"}), "creator");
    EXPECT_EQ(log_in({"creator", "lead"}), "creator");
    EXPECT_EQ(log_in({"lead", "creator"}), "lead");
}

// No other user is an administrator, so that a rule on the last one would keep the role.
TEST_F(oidc_login, gives_and_ends_the_role_of_an_administrator) {
    provider_.user.manages_administrators = true;
    provider_.user.is_administrator = true;
    ASSERT_EQ(call_back("code=c1&state=s1").status, 303U);
    EXPECT_EQ(platform_role(), "admin");
    provider_.user.is_administrator = false;
    ASSERT_EQ(call_back("code=c1&state=s1").status, 303U);
    EXPECT_EQ(platform_role(), "none");
}

TEST_F(oidc_login, starts_no_session_for_a_disabled_user) {
    ASSERT_EQ(call_back("code=c1&state=s1").status, 303U);
    ask(http::method::patch, "/api/v1/users/corp.ada", R"({"state":"disabled"})");
    provider_.user.manages_administrators = true;
    provider_.user.is_administrator = true;
    EXPECT_EQ(call_back("code=c1&state=s1").status, 401U);
    EXPECT_EQ(platform_role(), "none");
}

TEST_F(oidc_login, completes_a_login_on_another_device) {
    const auto begun = post("/api/v1/auth/device", R"({"issuer":"corp"})");
    ASSERT_EQ(begun.status, 200U) << begun.body.to_string();
    EXPECT_EQ(json_of(begun).at("user_code"), "ABCD");
    EXPECT_EQ(json_of(begun).at("interval"), 5);
    const std::string body = R"({"device_code":"device1"})";
    const auto pending = post("/api/v1/auth/device/token", body);
    EXPECT_EQ(pending.status, 400U);
    EXPECT_EQ(code_of(pending), "authorization_pending");
    provider_.device_error = "slow_down";
    EXPECT_EQ(code_of(post("/api/v1/auth/device/token", body)), "slow_down");
    provider_.device_error = "";
    const auto response = post("/api/v1/auth/device/token", body);
    EXPECT_EQ(response.status, 200U) << response.body.to_string();
    EXPECT_EQ(response.headers.get("Cache-Control"), "no-store");
    EXPECT_EQ(post("/api/v1/auth/device/token", "{}").status, 422U);
}

TEST_F(oidc_login, unknown_issuers_are_missing_and_issuers_may_be_away) {
    EXPECT_EQ(get("/api/v1/auth/oidc/other/start").status, 404U);
    EXPECT_EQ(post("/api/v1/auth/device", R"({"issuer":"other"})").status, 404U);
    provider_.failure = base::errc::unavailable;
    EXPECT_EQ(get(start_path).status, 503U);
    EXPECT_EQ(call_back("code=c1&state=s1").status, 503U);
}

TEST_F(oidc_login, each_login_has_a_row_in_the_audit_log) {
    call_back("code=c1&state=s1");
    call_back("code=c1&state=s2");
    settle();
    clock_.advance(std::chrono::seconds(1));
    settle();
    const auto rows = [this](const std::string& outcome) {
        const auto response =
            get("/api/v1/audit?limit=1000&action=finish_oidc_login&outcome=" + outcome);
        return json_of(response).at("items").as_array();
    };
    ASSERT_EQ(rows("success").size(), 1U);
    EXPECT_EQ(rows("success").at(0).at("actor"), "corp.ada");
    EXPECT_EQ(rows("success").at(0).at("via"), "oidc:corp");
    ASSERT_EQ(rows("started").size(), 2U);
    EXPECT_EQ(json_of(get("/api/v1/audit?limit=1000&action=finish_oidc_login"))
                  .at("items")
                  .as_array()
                  .size(),
              4U);
}

TEST_F(oidc_login, lists_the_issuers) {
    const auto methods = json_of(get("/api/v1/auth/methods"));
    EXPECT_EQ(methods.at("methods"),
              json::value(json::array{"password", "api_key", "oidc", "device"}));
    const auto& issuer = methods.at("issuers").as_array().at(0);
    EXPECT_EQ(issuer.at("name"), "corp");
    EXPECT_EQ(std::string_view(issuer.at("login_path").as_string()), start_path);
}

TEST_F(oidc_login, never_logs_codes_or_secrets) {
    call_back("code=c0de1&state=s2");
    call_back("code=c0de1&state=s1");
    for (const auto& line : log_.lines()) {
        EXPECT_FALSE(line.contains("c0de1") || line.contains("secret1")) << line;
    }
}

}  // namespace
