#include "domain/api_key_rules.hpp"

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using domain::permission;
using names = std::set<std::string, std::less<>>;

constexpr base::instant now{std::chrono::seconds(1'800'000'000)};  // 2027-01-15T08:00:00Z

const domain::principal administrator{.subject = "admin", .is_administrator = true};
const domain::principal limited{
    .subject = "admin",
    .is_administrator = true,
    .credential = "key:a",
    .limits = {.permissions = std::set{permission::create_keys, permission::read_databases},
               .projects = names{"shop"}}};

std::string fields_of(const base::failure& failure) {
    std::string text;
    for (const auto& field : failure.fields) text += field.pointer + "=" + field.code + ";";
    return text;
}

TEST(validate_api_key, uses_the_caller_and_90_days_by_default) {
    const auto key = domain::validate({.name = "ci"}, administrator, std::nullopt, now);
    ASSERT_TRUE(key) << key.error().text;
    EXPECT_EQ(key->subject, "admin");
    EXPECT_EQ(key->created_by, "admin");
    EXPECT_EQ(key->limits, domain::credential_limits());
    EXPECT_EQ(key->expires_at, now + std::chrono::days(90));
}

TEST(validate_api_key, reads_limits) {
    const auto key = domain::validate({.name = "ci",
                                       .subject = "robot",
                                       .permissions = std::vector<std::string>{"databases.create"},
                                       .projects = std::vector<std::string>{"shop"},
                                       .expires_at = "2027-02-01T00:00:00Z"},
                                      administrator, std::nullopt, now);
    ASSERT_TRUE(key) << key.error().text;
    EXPECT_EQ(key->subject, "robot");
    EXPECT_EQ(key->limits.permissions, std::set{permission::create_databases});
    EXPECT_EQ(key->limits.projects, names{"shop"});
}

TEST(validate_api_key, reports_all_field_errors) {
    const auto key =
        domain::validate({.name = "a b\n",
                          .subject = "",
                          .permissions = std::vector<std::string>{"databases.read", "root"},
                          .projects = std::vector<std::string>{"shop", "../x"},
                          .expires_at = "tomorrow"},
                         administrator, std::nullopt, now);
    ASSERT_FALSE(key);
    EXPECT_EQ(fields_of(key.error()),
              "/name=bad_name;/subject=bad_name;/permissions/1=unknown_value;"
              "/projects/1=bad_name;/expires_at=bad_value;");
    const std::vector<std::string> none;
    const auto empty =
        domain::validate({.permissions = none, .projects = none}, administrator, std::nullopt, now);
    ASSERT_FALSE(empty);
    EXPECT_EQ(fields_of(empty.error()),
              "/name=required;/permissions=required;/projects=out_of_range;");
}

TEST(validate_api_key, bounds_the_expiry) {
    const auto code = [](const char* expiry, std::optional<base::instant> latest) {
        const auto key =
            domain::validate({.name = "ci", .expires_at = expiry}, administrator, latest, now);
        return key ? "" : fields_of(key.error());
    };
    EXPECT_EQ(code("2027-01-15T08:00:00Z", {}), "/expires_at=out_of_range;");
    EXPECT_EQ(code("2027-01-15T08:00:01Z", {}), "");
    EXPECT_EQ(code("2028-01-16T08:00:00Z", {}), "");
    EXPECT_EQ(code("2028-01-16T08:00:01Z", {}), "/expires_at=out_of_range;");
    EXPECT_EQ(code("2027-01-15T09:00:01Z", now + 1h), "/expires_at=out_of_range;");
    const auto key = domain::validate({.name = "ci"}, administrator, now + 1h, now);
    EXPECT_EQ(key.value().expires_at, now + 1h);
}

TEST(validate_api_key, denies_more_than_the_caller_has) {
    const auto code = [](domain::api_key_request wanted, const domain::principal& caller) {
        wanted.name = "ci";
        const auto key = domain::validate(wanted, caller, std::nullopt, now);
        return key ? std::string("ok") : std::string(base::name(key.error().code));
    };
    const std::vector<std::string> reads{"databases.read"};
    const std::vector<std::string> shop{"shop"};
    EXPECT_EQ(code({.permissions = reads, .projects = shop}, limited), "ok");
    EXPECT_EQ(code({}, limited), "denied");
    EXPECT_EQ(code({.permissions = reads}, limited), "denied");
    EXPECT_EQ(code({.projects = shop}, limited), "denied");
    EXPECT_EQ(code({.permissions = reads, .projects = std::vector<std::string>{"bank"}}, limited),
              "denied");
    EXPECT_EQ(code({.permissions = std::vector<std::string>{"databases.delete"}, .projects = shop},
                   limited),
              "denied");
    EXPECT_EQ(code({.subject = "robot", .permissions = reads, .projects = shop}, limited),
              "denied");
    EXPECT_EQ(code({.subject = "admin"}, {.subject = "ada"}), "denied");
    EXPECT_EQ(code({}, {.subject = "ada"}), "ok");
}

TEST(state_of_api_key, is_revoked_before_expired) {
    domain::api_key key;
    EXPECT_EQ(name(domain::state_of(key, now)), "active");
    key.expires_at = now + 1s;
    EXPECT_EQ(name(domain::state_of(key, now)), "active");
    key.expires_at = now;
    EXPECT_EQ(name(domain::state_of(key, now)), "expired");
    key.revoked_at = now;
    EXPECT_EQ(name(domain::state_of(key, now)), "revoked");
}

}  // namespace
