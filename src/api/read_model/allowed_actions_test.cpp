#include "api/read_model/allowed_actions.hpp"

#include <gtest/gtest.h>

namespace {

using domain::permission;
using domain::role;

std::string document_for(const domain::principal& caller) {
    std::string text;
    api::allowed_actions(caller, {.project = "shop"}).append(R"({"id":"a"})", text);
    const auto body = api::allowed_actions(caller, {.project = "shop"})
                          .splice(std::make_shared<const std::string>(R"({"id":"a"})"));
    EXPECT_EQ(body.to_string(), text);
    EXPECT_EQ(body.size(), text.size());
    return text;
}

TEST(allowed_actions, are_those_of_the_role_within_the_limits_of_the_key) {
    domain::principal caller{.subject = "ada", .roles = {{"shop", role::viewer}}};
    EXPECT_EQ(document_for(caller), R"({"id":"a","allowed_actions":["databases.read"]})");
    caller.roles = {{"shop", role::developer}};
    EXPECT_EQ(document_for(caller),
              R"({"id":"a","allowed_actions":["databases.read","databases.update",)"
              R"("databases.operate","databases.credentials"]})");
    caller.limits.permissions = std::set{permission::read_databases, permission::delete_databases};
    EXPECT_EQ(document_for(caller), R"({"id":"a","allowed_actions":["databases.read"]})");
    caller.roles = {{"bank", role::owner}};
    EXPECT_EQ(document_for(caller), R"({"id":"a","allowed_actions":[]})");
    EXPECT_TRUE(document_for({.subject = "root", .is_administrator = true})
                    .contains(R"("databases.delete")"));
}

TEST(allowed_actions, change_the_hash_of_a_document) {
    const domain::principal admin{.subject = "root", .is_administrator = true};
    const domain::principal viewer{.subject = "ada", .roles = {{"shop", role::viewer}}};
    const domain::principal developer{.subject = "ben", .roles = {{"shop", role::developer}}};
    const auto hash_for = [](const domain::principal& caller) {
        return api::allowed_actions(caller, {.project = "shop"}).mix(7);
    };
    EXPECT_EQ(hash_for(admin), 7U);
    EXPECT_NE(hash_for(viewer), 7U);
    EXPECT_NE(hash_for(viewer), hash_for(developer));
    const domain::principal owner{.subject = "eve", .roles = {{"shop", role::owner}}};
    EXPECT_EQ(hash_for(owner), 7U);
}

}  // namespace
