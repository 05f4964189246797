#include "domain/member_rules.hpp"

#include <gtest/gtest.h>

namespace {

std::string codes(const domain::member_request& wanted, const std::string& subject) {
    const auto member = domain::validate(wanted, "shop", subject);
    if (member) return "";
    std::string text;
    for (const auto& field : member.error().fields) text += field.pointer + "=" + field.code + ";";
    return text;
}

TEST(validate_member, reads_every_role) {
    for (const auto name : domain::all_roles()) {
        const auto member = domain::validate({.role = std::string(name)}, "shop", "ada");
        ASSERT_TRUE(member) << name;
        EXPECT_EQ(domain::name(member->role), name);
        EXPECT_EQ(member->project, "shop");
        EXPECT_EQ(member->subject, "ada");
    }
}

TEST(validate_member, reports_all_field_errors) {
    EXPECT_EQ(codes({}, "ada"), "/role=required;");
    EXPECT_EQ(codes({.role = "admin"}, "ada"), "/role=unknown_value;");
    EXPECT_EQ(codes({.role = "Owner"}, "a b\n"), "/subject=bad_name;/role=unknown_value;");
    EXPECT_EQ(codes({.role = "owner"}, "admin"), "/subject=reserved;");
    EXPECT_EQ(codes({.role = "owner"}, "local-admin"), "/subject=reserved;");
    EXPECT_EQ(codes({.role = "owner"}, "a/b"), "/subject=bad_name;");
}

}  // namespace
