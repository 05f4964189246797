#include "domain/api_key_rules.hpp"

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using domain::permission;
using std::chrono::days;
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

TEST(validate_api_key, denies_each_limit_that_is_wider_than_that_of_the_caller) {
    using list = std::vector<std::string>;
    using request = domain::api_key_request;
    struct row {
        domain::credential_limits limits;  // of the caller
        request equal;
        request wider;
    };
    const auto network = base::parse_ip_network("10.1.0.0/16").value();
    const std::vector<row> rows{
        {{.permissions = std::set{permission::create_keys}},
         {.permissions = list{"keys.create"}},
         {.permissions = list{"keys.create", "databases.read"}}},
        {{.projects = names{"shop"}}, {.projects = list{"shop"}}, {.projects = list{"shop", "x"}}},
        {{.databases = names{"db-a"}},
         {.databases = list{"db-a"}},
         {.databases = list{"db-a", "db-b"}}},
        {{.networks = std::vector{network}},
         {.cidrs = list{"10.1.0.0/16"}},
         {.cidrs = list{"10.0.0.0/8"}}},
    };
    for (const auto& row : rows) {
        const domain::principal caller{.subject = "admin",
                                       .is_administrator = true,
                                       .credential = "key:a",
                                       .limits = row.limits};
        const auto code = [&](request wanted) {
            wanted.name = "ci";
            const auto key = domain::validate(wanted, caller, std::nullopt, now);
            return key ? std::string("ok") : std::string(base::name(key.error().code));
        };
        EXPECT_EQ(code(row.equal), "ok");
        EXPECT_EQ(code(row.wider), "denied");
        EXPECT_EQ(code({}), "denied");
    }
}

TEST(validate_api_key, lets_a_key_that_creates_databases_create_keys_for_presets) {
    const auto can_create = [](domain::permission own, const char* wanted) {
        const domain::principal caller{
            .subject = "admin",
            .is_administrator = true,
            .credential = "key:a",
            .limits = {.permissions = std::set{permission::create_keys, own}}};
        return domain::validate({.name = "ci", .permissions = std::vector<std::string>{wanted}},
                                caller, std::nullopt, now)
            .has_value();
    };
    EXPECT_TRUE(can_create(permission::create_databases, "databases.create_from_preset"));
    EXPECT_TRUE(
        can_create(permission::create_databases_from_preset, "databases.create_from_preset"));
    EXPECT_FALSE(can_create(permission::create_databases_from_preset, "databases.create"));
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

TEST(validate_api_key, reads_databases_and_cidrs) {
    const auto validated = [](std::vector<std::string> databases, std::vector<std::string> cidrs) {
        return domain::validate({.name = "ci", .databases = databases, .cidrs = cidrs},
                                administrator, std::nullopt, now);
    };
    const auto key = validated({"db-a"}, {"10.0.0.0/8", "10.0.0.0/8"});
    ASSERT_TRUE(key) << key.error().text;
    EXPECT_EQ(key->limits.databases, names{"db-a"});
    EXPECT_EQ(key->limits.networks->size(), 1U);
    EXPECT_EQ(fields_of(validated({"../x"}, {"10.0.0.1/8"}).error()),
              "/databases/0=bad_name;/cidrs/0=bad_network;");
    EXPECT_EQ(fields_of(validated({}, {}).error()), "/databases=out_of_range;/cidrs=out_of_range;");
}

TEST(validate_api_key_patch, changes_the_named_members_within_the_caller_alone) {
    const domain::api_key wide{.name = "ci", .expires_at = now + 1h};
    const domain::api_key narrow{.name = "ci", .limits = limited.limits, .expires_at = now + 1h};
    const auto code = [](const domain::api_key_patch& wanted, const domain::api_key& present,
                         const domain::principal& caller) {
        const auto key = domain::validate(wanted, present, caller, std::nullopt, now);
        return key ? std::string("ok") : std::string(base::name(key.error().code));
    };
    const domain::api_key_patch shorter{.expires_at = "2027-01-15T08:30:00Z"};
    EXPECT_EQ(code(shorter, wide, administrator), "ok");
    EXPECT_EQ(code(shorter, wide, limited), "denied");
    EXPECT_EQ(code(shorter, narrow, limited), "ok");
    const domain::api_key_patch wider{.projects = domain::api_key_patch::texts()};
    EXPECT_EQ(code(wider, narrow, limited), "denied");
    EXPECT_EQ(code(wider, narrow, administrator), "ok");
    const auto changed = domain::validate({.name = "cd"}, narrow, limited, now + 1h, now);
    EXPECT_EQ(changed.value().name, "cd");
    EXPECT_EQ(changed.value().limits, narrow.limits);
    EXPECT_FALSE(domain::validate({.name = "cd"}, narrow, limited, now + 1min, now));
}

TEST(validate_rotation, bounds_the_overlap_and_denies_wider_and_expired_keys) {
    const domain::api_key key{.expires_at = now + 1h};
    const auto code = [&](std::optional<std::int64_t> overlap, const domain::principal& caller,
                          base::instant time) {
        const auto result =
            domain::validate({.overlap_seconds = overlap}, key, caller, std::nullopt, {}, time);
        return result ? std::to_string(result->count())
                      : std::string(base::name(result.error().code));
    };
    EXPECT_EQ(code({}, administrator, now), "86400");
    EXPECT_EQ(code(0, administrator, now), "0");
    EXPECT_EQ(code(-1, administrator, now), "invalid");
    EXPECT_EQ(code(2'592'001, administrator, now), "invalid");
    EXPECT_EQ(code(0, limited, now), "denied");
    EXPECT_EQ(code(0, administrator, now + 1h), "conflict");
}

TEST(validate_rotation, denies_a_key_that_was_unused_for_too_long) {
    const domain::api_key key{.max_unused =
                                  domain::unused_limit{.duration = days(7), .since = now}};
    const auto rotate = [&](std::optional<base::instant> last_used_at) {
        return domain::validate(domain::rotation_request{}, key, administrator, std::nullopt,
                                last_used_at, now + days(7));
    };
    EXPECT_EQ(rotate({}).error().reason, "key_expired");
    EXPECT_TRUE(rotate(now + 1h));
}

TEST(state_of_api_key, is_revoked_before_expired) {
    domain::api_key key{.created_at = now};
    const auto state = [&key] { return name(domain::state_of(key, {}, now)); };
    EXPECT_EQ(state(), "active");
    key.expires_at = now + days(14) + 1s;
    EXPECT_EQ(state(), "active");
    key.expires_at = now + days(14);
    EXPECT_EQ(state(), "expiring");
    key.expires_at = now;
    EXPECT_EQ(state(), "expired");
    key.revoked_at = now;
    EXPECT_EQ(state(), "revoked");
}

TEST(state_of_api_key, is_stale_after_30_days_without_a_use) {
    const domain::api_key key{.created_at = now, .expires_at = now + days(90)};
    const auto state = [&key](std::optional<base::instant> last_used_at, base::instant time) {
        return name(domain::state_of(key, last_used_at, time));
    };
    EXPECT_EQ(state({}, now + days(30) - 1s), "active");
    EXPECT_EQ(state({}, now + days(30)), "stale");
    EXPECT_EQ(state(now + 1s, now + days(30)), "active");
    EXPECT_EQ(state(now - days(1), now + days(29)), "active");
    EXPECT_EQ(state({}, now + days(80)), "stale");
    EXPECT_EQ(state(now + days(79), now + days(80)), "expiring");
    EXPECT_EQ(state({}, now + days(90)), "expired");
}

TEST(state_of_api_key, is_expired_when_it_was_unused_for_longer_than_its_limit) {
    const domain::api_key key{
        .created_at = now - days(60),
        .max_unused = domain::unused_limit{.duration = days(7), .since = now}};
    const auto state = [&key](std::optional<base::instant> last_used_at, base::instant time) {
        return domain::state_of(key, last_used_at, time);
    };
    EXPECT_TRUE(domain::is_usable(state({}, now + days(7) - 1s)));
    EXPECT_EQ(name(state({}, now + days(7))), "expired");
    EXPECT_FALSE(domain::is_usable(state(now - days(50), now + days(7))));
    EXPECT_EQ(name(state(now + days(1), now + days(7))), "active");
    EXPECT_EQ(domain::unused_deadline(key, now + days(1)), now + days(8));
    EXPECT_EQ(domain::unused_deadline({}, now), std::nullopt);
}

TEST(validate_api_key, bounds_the_time_without_use) {
    const auto validated = [](std::optional<std::int64_t> wanted) {
        return domain::validate({.name = "ci", .max_unused_days = wanted}, administrator,
                                std::nullopt, now);
    };
    EXPECT_EQ(validated({}).value().max_unused, std::nullopt);
    EXPECT_EQ(validated(1).value().max_unused,
              (domain::unused_limit{.duration = days(1), .since = now}));
    EXPECT_TRUE(validated(366));
    for (const std::int64_t wanted : {-1, 0, 367}) {
        const auto key = validated(wanted);
        ASSERT_FALSE(key) << wanted;
        EXPECT_EQ(fields_of(key.error()), "/max_unused_days=out_of_range;");
        EXPECT_EQ(key.error().fields[0].message, "must be 1 to 366");
    }
}

TEST(validate_api_key_patch, sets_and_deletes_the_limit_of_the_time_without_use) {
    const domain::api_key key{.name = "ci",
                              .max_unused = domain::unused_limit{.duration = days(7), .since = {}}};
    const auto patched = [&key](std::optional<domain::api_key_patch::days> wanted) {
        return domain::validate(domain::api_key_patch{.max_unused_days = wanted}, key,
                                administrator, std::nullopt, now);
    };
    EXPECT_EQ(patched({}).value(), key);
    EXPECT_EQ(patched(domain::api_key_patch::days()).value().max_unused, std::nullopt);
    EXPECT_EQ(patched(30).value().max_unused,
              (domain::unused_limit{.duration = days(30), .since = now}));
    EXPECT_EQ(fields_of(patched(0).error()), "/max_unused_days=out_of_range;");
}

TEST(validate_api_key, applies_the_maximum_lifetime_of_the_platform) {
    const domain::api_key_policy policy{.lifetime_max = days(30)};
    const auto key = domain::validate({.name = "ci"}, administrator, std::nullopt, now, policy);
    EXPECT_EQ(key.value().expires_at, now + days(30));
    const auto later = domain::validate({.name = "ci", .expires_at = "2027-02-14T08:00:01Z"},
                                        administrator, std::nullopt, now, policy);
    ASSERT_FALSE(later);
    EXPECT_EQ(fields_of(later.error()), "/expires_at=out_of_range;");
    EXPECT_EQ(later.error().fields[0].message,
              "must be after the present and not after 2027-02-14T08:00:00Z; a key is valid for at "
              "most 30 days");
    const auto patched =
        domain::validate(domain::api_key_patch{.expires_at = "2027-02-14T08:00:01Z"}, key.value(),
                         administrator, std::nullopt, now, policy);
    EXPECT_EQ(fields_of(patched.error()), "/expires_at=out_of_range;");
    const auto shorter = domain::validate({.name = "ci", .expires_at = "2027-02-14T08:00:00Z"},
                                          administrator, now + 1h, now, policy);
    EXPECT_EQ(shorter.error().fields[0].message,
              "must be after the present and not after 2027-01-15T09:00:00Z; the key of this "
              "request expires then");
}

}  // namespace
