#include "domain/unused_rules.hpp"

#include <gtest/gtest.h>

namespace {

using base::errc;
using std::chrono::days;

constexpr base::instant now{std::chrono::seconds(1'800'000'000)};

domain::api_key key_with(std::optional<days> unused_max) {
    domain::api_key key{.id = "a", .created_at = now};
    if (unused_max) key.max_unused = domain::unused_limit{.duration = *unused_max, .since = now};
    return key;
}

// Returns "ok", or the code and the pointers of the fields.
template <class T>
std::string text_of(const base::outcome<T>& result) {
    if (result) return "ok";
    std::string text(base::name(result.error().code));
    for (const auto& field : result.error().fields) text += " " + field.pointer;
    return text;
}

TEST(limit_unused, gives_a_new_key_the_limit_of_the_key_that_creates_it) {
    const auto inherited = domain::limit_unused(key_with({}), days(30));
    ASSERT_TRUE(inherited);
    EXPECT_EQ(domain::unused_max_of(*inherited), days(30));
    EXPECT_EQ(inherited->max_unused->since, now);
    EXPECT_EQ(domain::limit_unused(key_with(days(7)), days(30)).value(), key_with(days(7)));
    EXPECT_EQ(text_of(domain::limit_unused(key_with(days(30)), days(30))), "ok");
    EXPECT_EQ(text_of(domain::limit_unused(key_with(days(31)), days(30))),
              "invalid /max_unused_days");
    EXPECT_EQ(domain::limit_unused(key_with({}), {}).value(), key_with({}));
    EXPECT_EQ(domain::limit_unused(key_with(days(366)), {}).value(), key_with(days(366)));
}

TEST(limit_unused, rejects_changes_beyond_the_limit_of_the_caller) {
    const auto change = [](std::optional<days> before, std::optional<days> after,
                           std::optional<days> caller) {
        return text_of(domain::limit_unused(key_with(after), caller, key_with(before)));
    };
    EXPECT_EQ(change(days(30), days(7), days(30)), "ok");
    EXPECT_EQ(change(days(7), days(30), days(30)), "ok");
    EXPECT_EQ(change(days(7), days(31), days(30)), "invalid /max_unused_days");
    EXPECT_EQ(change(days(7), {}, days(30)), "denied");
    EXPECT_EQ(change({}, days(7), days(30)), "denied");  // the key permits more than the caller's
    EXPECT_EQ(change(days(31), days(7), days(30)), "denied");
    EXPECT_EQ(change(days(7), {}, {}), "ok");
    EXPECT_EQ(change({}, {}, {}), "ok");
}

TEST(check_unused, denies_keys_that_may_be_unused_for_longer) {
    EXPECT_EQ(text_of(domain::check_unused(key_with(days(7)), days(7))), "ok");
    EXPECT_EQ(text_of(domain::check_unused(key_with(days(8)), days(7))), "denied");
    EXPECT_EQ(text_of(domain::check_unused(key_with({}), days(7))), "denied");
    EXPECT_EQ(text_of(domain::check_unused(key_with({}), {})), "ok");
}

}  // namespace
