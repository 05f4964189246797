#include "domain/access_check.hpp"

#include <gtest/gtest.h>

namespace {

std::string codes_of(const base::failure& failure) {
    std::string text;
    for (const auto& field : failure.fields) text += field.pointer + "=" + field.code + ";";
    return text;
}

TEST(validate_access_checks, reads_permissions_projects_and_databases) {
    const auto checks =
        domain::validate({.checks = {{.permission = "databases.read", .project = "shop"},
                                     {.permission = "databases.credentials", .database = "db-1"},
                                     {.permission = "projects.create"}}});
    ASSERT_TRUE(checks);
    ASSERT_EQ(checks->size(), 3U);
    EXPECT_EQ(checks->at(0).action, domain::permission::read_databases);
    EXPECT_EQ(checks->at(0).project, "shop");
    EXPECT_EQ(checks->at(1).database, "db-1");
    EXPECT_EQ(checks->at(2).project, "");
}

TEST(validate_access_checks, reports_all_field_errors) {
    const auto checks = domain::validate(
        {.checks = {{.permission = "databases.fly"},
                    {.project = "shop"},
                    {.permission = "databases.read", .project = "shop", .database = "db-1"}}});
    ASSERT_FALSE(checks);
    EXPECT_EQ(codes_of(checks.error()),
              "/0/permission=unknown_value;/1/permission=required;/2/project=conflict;");
    EXPECT_EQ(codes_of(domain::validate_one({.checks = {{}}}).error()), "/permission=required;");
}

TEST(validate_access_checks, bounds_the_number_of_checks) {
    EXPECT_EQ(codes_of(domain::validate({}).error()), "=out_of_range;");
    domain::access_checks_request request;
    request.checks.resize(domain::access_checks_max, {.permission = "databases.read"});
    EXPECT_TRUE(domain::validate(request));
    request.checks.push_back({.permission = "databases.read"});
    EXPECT_EQ(codes_of(domain::validate(request).error()), "=out_of_range;");
}

}  // namespace
