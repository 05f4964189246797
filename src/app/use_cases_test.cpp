#include "app/use_cases.hpp"

#include <fmt/format.h>

#include "aio/block_on.hpp"
#include "test/support/service_stage.hpp"

namespace {

using domain::observed_phase;
using namespace std::chrono_literals;

class use_cases : public fakes::service_stage {};

TEST_F(use_cases, applies_200_concurrent_patches_of_one_database) {
    constexpr int patches = 200;
    create_ready("cache");
    const auto id = id_of("cache");
    const auto revision_before = seen_->databases.at("cache")->record->revision;
    gate_.yield_in_writes();
    aio::task_group clients(loop_.executor());
    std::vector<std::string> errors;
    for (int number = 0; number < patches; ++number) {
        clients.spawn([this, id, number, &errors]() -> aio::task<> {
            domain::patch_request wanted{
                .labels = domain::label_changes{
                    {fmt::format("label-{}", number % 8), std::to_string(number)}}};
            auto patched = co_await databases().patch_database(id, wanted, {}, caller_);
            if (!patched) errors.push_back(patched.error().text);
            co_return base::outcome<void>{};
        });
    }
    while (clients.size() > 0) loop_.poll();
    EXPECT_THAT(errors, testing::IsEmpty());
    const auto record = seen_->databases.at("cache")->record;
    EXPECT_GE(record->revision, revision_before + patches);
    for (int label = 0; label < 8; ++label) {
        EXPECT_EQ(record->labels.at(fmt::format("label-{}", label)),
                  std::to_string(patches - 8 + label));
    }
    settle();
}

TEST_F(use_cases, applies_200_concurrent_patches_of_one_project) {
    constexpr int patches = 200;
    gate_.yield_in_writes();
    aio::task_group clients(loop_.executor());
    std::vector<std::string> errors;
    for (int number = 0; number < patches; ++number) {
        clients.spawn([this, number, &errors]() -> aio::task<> {
            domain::project_request wanted{.display_name = std::to_string(number)};
            auto patched = co_await projects().patch_project("default", wanted, {}, caller_);
            if (!patched) errors.push_back(patched.error().text);
            co_return base::outcome<void>{};
        });
    }
    while (clients.size() > 0) loop_.poll();
    EXPECT_THAT(errors, testing::IsEmpty());
    const auto stored = aio::block_on(store_.get("projects", "default"));
    ASSERT_TRUE(stored);
    EXPECT_EQ(stored->revision, 1 + patches);
}

TEST_F(use_cases, rejects_an_invalid_create_without_a_write) {
    ASSERT_TRUE(create("cache"));
    EXPECT_EQ(create("cache").error().reason, "already_exists");
    EXPECT_EQ(create("other", "nowhere").error().fields.at(0).pointer, "/project");
    const auto calls = store_.calls();
    EXPECT_EQ(create("Bad_Name").error().code, base::errc::invalid);
    EXPECT_EQ(store_.calls(), calls);
}

TEST_F(use_cases, rejects_a_create_over_the_quota) {
    domain::project_request wanted{.name = "small", .max_databases = 1};
    ASSERT_TRUE(create_project(wanted));
    ASSERT_TRUE(create("one", "small"));
    EXPECT_EQ(create("two", "small").error().reason, "quota_exceeded");
    EXPECT_EQ((await<void>([&] { return projects().delete_project("small", {}, caller_); }))
                  .error()
                  .reason,
              "not_empty");
}

// Both patches check the quota before one of them is written.
TEST_F(use_cases, accepts_one_of_two_concurrent_patches_at_the_quota) {
    domain::project_request wanted{.name = "small", .max_cpu = "1500m"};
    ASSERT_TRUE(create_project(wanted));
    for (const auto* name : {"one", "two"}) {
        ASSERT_TRUE(create(name, "small"));
        cluster_.report(name, observed_phase::ready);
        settle();
    }
    gate_.close_gate();
    std::vector<base::outcome<app::accepted>> results;
    aio::task_group both(loop_.executor());
    for (const auto* name : {"one", "two"}) {
        both.spawn([&, id = id_of(name)]() -> aio::task<> {
            domain::patch_request grown{.size = domain::size_request{.preset = "medium"}};
            results.push_back(co_await databases().patch_database(id, grown, {}, caller_));
            co_return base::ok();
        });
    }
    while (gate_.waiting() + static_cast<int>(results.size()) < 2) loop_.poll();
    gate_.open_gate();
    while (both.size() > 0) loop_.poll();
    ASSERT_EQ(results.size(), 2U);
    EXPECT_NE(results[0].has_value(), results[1].has_value());
    for (const auto& result : results) {
        if (!result) EXPECT_EQ(result.error().reason, "quota_exceeded");
    }
}

TEST_F(use_cases, rejects_a_create_in_a_project_during_its_deletion) {
    domain::project_request wanted{.name = "short"};
    ASSERT_TRUE(create_project(wanted));
    gate_.close_gate();
    aio::task_group leaving(loop_.executor());
    leaving.spawn([&] { return projects().delete_project("short", {}, caller_); });
    while (gate_.waiting() == 0) loop_.poll();
    EXPECT_EQ(create("cache", "short").error().reason, "project_not_found");
    gate_.open_gate();
    while (leaving.size() > 0) loop_.poll();
}

TEST_F(use_cases, rejects_writes_while_the_store_is_unavailable) {
    store_.fail_next(1);
    const auto calls = store_.calls();
    const auto rejected = create("cache");
    EXPECT_EQ(rejected.error().code, base::errc::unavailable);
    EXPECT_EQ(rejected.error().reason, "store_not_ready");
    EXPECT_EQ(store_.calls(), calls);
    store_.fail_next(0);
    EXPECT_TRUE(create("cache"));
}

TEST_F(use_cases, rejects_a_patch_of_a_stale_revision) {
    ASSERT_TRUE(create("cache"));
    const auto rejected = patch("cache", {.deletion_protection = true},
                                {.if_match = std::vector<app::seen_version>{{999}}});
    EXPECT_EQ(rejected.error().code, base::errc::precondition);
}

TEST_F(use_cases, rejects_the_deletion_of_a_protected_database) {
    ASSERT_TRUE(create("cache"));
    ASSERT_TRUE(patch("cache", {.deletion_protection = true}));
    EXPECT_EQ(remove("cache").error().reason, "deletion_protected");
}

}  // namespace
