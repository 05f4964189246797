#include "oidc/issuer_options.hpp"

#include <gtest/gtest.h>

#include "oidc/claims_mapping.hpp"

namespace {

TEST(issuer_options, reads_several_issuers) {
    const auto issuers = oidc::read_issuers(
        R"({"issuers":[{"name":"corp","issuer":"https://id.example","client_id":"c","client_secret":"s",
            "audience":"dbaas","roles":{"dba":"admin","shop=eu":"shop:developer"}},
           {"name":"dev","issuer":"http://127.0.0.1:9000","client_id":"c","user_prefix":""}]})");
    ASSERT_TRUE(issuers) << issuers.error().text;
    ASSERT_EQ(issuers->size(), 2U);
    const auto& corp = issuers->front();
    EXPECT_EQ(corp.user_prefix, "corp.");
    EXPECT_EQ(corp.client_secret.reveal(), "s");
    const std::vector<oidc::group_rule> rules{
        {.group = "dba"}, {.group = "shop=eu", .project = "shop", .role = "developer"}};
    EXPECT_EQ(corp.rules, rules);
    EXPECT_EQ(issuers->back().user_prefix, "");
}

TEST(issuer_options, rejects_bad_members_without_repeating_a_secret) {
    const std::string good = R"("name":"a","issuer":"https://i.example","client_id":"c")";
    for (const std::string& members :
         {good + R"(,"client_secret":["tell-nobody"])", good + R"(,"unknown":1)",
          good + R"(,"roles":{"g":"owner"})", good + R"(,"roles":{"g":":owner"})",
          good + R"(,"roles":{"g":"shop:admin"})", good + R"(,"roles":["g"])",
          good + R"(,"audience":"c")", good + R"(,"accepts_untyped_tokens":"yes")",
          good + R"(,"user_claim":"")", std::string(R"("name":"a","issuer":"https://i.example")"),
          std::string(R"("name":"A","issuer":"https://i.example","client_id":"c")"),
          std::string(R"("name":"a","issuer":"http://i.example","client_id":"c")"),
          std::string(R"("name":"a","issuer":"https://i.example?x","client_id":"c")"),
          good + "},{" + good, good + R"(,"name":"b")"}) {
        const auto issuers = oidc::read_issuers(R"({"issuers":[{)" + members + "}]}");
        ASSERT_FALSE(issuers) << members;
        EXPECT_FALSE(issuers.error().text.contains("tell-nobody"));
    }
    EXPECT_FALSE(oidc::read_issuers("[]"));
    EXPECT_FALSE(oidc::read_issuers(R"({"issuers":[7]})"));
}

TEST(issuer_options, gives_no_two_issuers_the_names_of_the_same_users) {
    const auto read = [](const std::string& first, const std::string& second) {
        return oidc::read_issuers(
            R"({"issuers":[{"name":"a","issuer":"https://a.example","client_id":"c","user_prefix":")" +
            first +
            R"("},{"name":"b","issuer":"https://b.example","client_id":"c","user_prefix":")" +
            second + R"("}]})");
    };
    EXPECT_TRUE(read("corp.", "partner."));
    EXPECT_TRUE(read("", "corp."));  // an issuer that may name every user
    EXPECT_TRUE(read("", ""));
    for (const auto& [first, second] :
         {std::pair("corp.", "corp."), std::pair("corp.", "corp.eu."), std::pair("corp.", "c")}) {
        for (const auto& issuers : {read(first, second), read(second, first)}) {
            ASSERT_FALSE(issuers) << first << second;
            EXPECT_TRUE(issuers.error().text.contains("user_prefix has names")) << first << second;
        }
    }
    // No subject of a service account, and none that is too long for a user.
    for (const auto* prefix :
         {"service_account:", "a/", ".", "a b", "012345678901234567890123456789"}) {
        EXPECT_FALSE(read("corp.", prefix)) << prefix;
    }
}

TEST(issuer_options, reads_rules_of_one_line) {
    const auto rules = oidc::read_rules("dba=admin, devs=shop:viewer,");
    ASSERT_TRUE(rules);
    EXPECT_EQ(rules->size(), 2U);
    EXPECT_EQ(oidc::read_rules("oncall=shop:operator")->front().role, "operator");
    EXPECT_FALSE(oidc::read_rules("oncall=shop:auditor"));  // a role of the platform
    EXPECT_FALSE(oidc::read_rules("oncall=shop:a b"));
    EXPECT_FALSE(oidc::read_rules("dba"));
    EXPECT_FALSE(oidc::read_rules("=admin"));
}

class claims_mapping : public testing::Test {
  protected:
    std::optional<oidc::mapped_identity> map(const std::string& claims) {
        return oidc::map_claims(json::parse(claims).as_object(), options_);
    }
    oidc::issuer_options options_{
        .name = "corp",
        .user_prefix = "corp.",
        .rules = {{.group = "dba"},
                  {.group = "devs", .project = "shop", .role = "developer"},
                  {.group = "all", .project = "shop", .role = "viewer"}}};
};

TEST_F(claims_mapping, gives_roles_by_group) {
    const auto identity = map(R"({"sub":"ada","groups":["all","devs",7,"x"]})");
    ASSERT_TRUE(identity);
    EXPECT_EQ(identity->subject, "corp.ada");
    EXPECT_FALSE(identity->is_administrator);
    EXPECT_EQ(identity->roles.at("shop"), (std::vector<std::string>{"developer", "viewer"}));
    EXPECT_TRUE(map(R"({"sub":"ada","groups":"dba"})")->is_administrator);
    EXPECT_TRUE(map(R"({"sub":"ada","groups":{"dba":true}})")->roles.empty());
    EXPECT_FALSE(map(R"({"sub":"ada","groups":["DBA","dba "]})")->is_administrator);
}

TEST_F(claims_mapping, never_gives_two_people_one_name) {
    const auto odd = map(R"({"sub":"auth0|123"})")->subject;
    EXPECT_TRUE(odd.starts_with("corp.u-")) << odd;
    EXPECT_NE(odd, map(R"({"sub":"auth0|124"})")->subject);
    const auto value = odd.substr(5);
    EXPECT_NE(map(R"({"sub":")" + value + "\"}")->subject, odd);
    EXPECT_FALSE(map(R"({"sub":7})"));
    EXPECT_FALSE(map("{}"));
}

TEST_F(claims_mapping, never_names_the_administrator_of_the_platform) {
    options_.user_prefix = "";
    for (const std::string name : {"admin", "local-admin"}) {
        EXPECT_TRUE(map(R"({"sub":")" + name + "\"}")->subject.starts_with("u-"));
    }
}

TEST_F(claims_mapping, takes_a_verified_address_alone) {
    EXPECT_EQ(map(R"({"sub":"a","email":"a@b.c"})")->email, "");
    EXPECT_EQ(map(R"({"sub":"a","email":"a@b.c","email_verified":true})")->email, "a@b.c");
}

}  // namespace
