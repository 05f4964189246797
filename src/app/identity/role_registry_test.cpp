#include "app/identity/role_registry.hpp"

#include <gtest/gtest.h>

#include "app/identity/member_registry.hpp"
#include "app/identity/role_json.hpp"
#include "test/support/gated_store.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/memory_document_store.hpp"
#include "test/support/poll_until_done.hpp"
#include "test/support/recording_log.hpp"

namespace {

using namespace std::chrono_literals;
using domain::permission;
using texts = std::vector<std::string>;

class role_registry : public testing::Test {
  protected:
    void SetUp() override {
        cache_.put_project(
            std::make_shared<const domain::project>(domain::project{.name = "shop"}));
        roles_.on_change([this](const std::string& name) { members_.update_role(name); });
        roles_.set_usage([this](std::string_view name) { return members_.has_role(name); });
    }
    template <class T>
    base::outcome<T> run(std::function<aio::task<T>()> start) {
        return fakes::poll_until_done<T>(loop_, std::move(start));
    }
    base::outcome<app::shared_role> create(const std::string& name, texts permissions) {
        return run<app::shared_role>(
            [&] { return roles_.create_role({.name = name, .permissions = permissions}, admin_); });
    }
    base::outcome<app::shared_role> replace(const std::string& name, texts permissions,
                                            std::optional<app::seen_version> seen = {}) {
        app::seen_versions allowed;
        if (seen) allowed = {*seen};
        return run<app::shared_role>([&] {
            return roles_.replace_role(name, {.permissions = permissions}, allowed, admin_);
        });
    }
    base::outcome<app::granted_role> grant(const std::string& role) {
        return run<app::granted_role>([&] {
            return members_.put_member({.project = "shop", .subject = "ada", .role = role},
                                       {.subject = "root"}, admin_);
        });
    }
    domain::permission_set permissions_of_ada() {
        const auto roles = members_.roles_of("ada");
        const auto entry = roles.find("shop");
        return entry == roles.end() ? domain::permission_set() : entry->second.permissions;
    }

    app::shared_principal admin_ = std::make_shared<const domain::principal>(
        domain::principal{.subject = "root", .is_administrator = true});
    aio::loop loop_;
    fakes::manual_clock clock_;
    fakes::memory_document_store store_;
    fakes::recording_log log_;
    app::state_cache cache_{clock_, 10s};
    app::role_registry roles_{{.store = store_, .clock = clock_, .log = log_}};
    app::member_registry members_{
        {.store = store_, .projects = cache_, .clock = clock_, .log = log_, .roles = &roles_}};
};

TEST_F(role_registry, gives_its_permissions_to_members) {
    ASSERT_TRUE(create("releaser", {"projects.read", "databases.operate"}));
    ASSERT_TRUE(grant("releaser"));
    EXPECT_EQ(permissions_of_ada(),
              (domain::permission_set{permission::read_projects, permission::operate_databases}));
    std::vector<std::string> changed;
    members_.on_change([&](const std::string& subject) { changed.push_back(subject); });
    ASSERT_TRUE(replace("releaser", {"projects.read"}));
    EXPECT_EQ(changed, texts{"ada"});
    EXPECT_EQ(permissions_of_ada(), domain::permission_set{permission::read_projects});
}

TEST_F(role_registry, rejects_a_second_role_of_the_name_and_another_revision) {
    const auto created = create("releaser", {"projects.read"});
    ASSERT_TRUE(created);
    EXPECT_EQ(create("releaser", {"projects.read"}).error().reason, "already_exists");
    app::seen_version seen{.revision = (*created)->revision + 1,
                           .incarnation = app::incarnation_of((*created)->created_at)};
    const texts more{"projects.read", "databases.read"};
    EXPECT_EQ(replace("releaser", more, seen).error().code, base::errc::precondition);
    --seen.revision;
    EXPECT_TRUE(replace("releaser", more, seen));
    EXPECT_EQ(replace("nowhere", {"projects.read"}).error().code, base::errc::not_found);
    EXPECT_EQ(grant("nowhere").error().code, base::errc::invalid);
}

TEST_F(role_registry, keeps_a_role_that_members_have) {
    ASSERT_TRUE(create("releaser", {"projects.read"}));
    ASSERT_TRUE(grant("releaser"));
    const auto remove = [&] {
        return run<void>([&] { return roles_.delete_role("releaser", admin_); });
    };
    EXPECT_EQ(remove().error().reason, "in_use");
    ASSERT_TRUE(grant("viewer"));
    EXPECT_TRUE(remove());
    EXPECT_EQ(remove().error().code, base::errc::not_found);
}

TEST_F(role_registry, rejects_versions_of_an_earlier_role_of_the_name) {
    const auto first = create("releaser", {"projects.read"});
    ASSERT_TRUE(first);
    const app::seen_version seen{.revision = (*first)->revision,
                                 .incarnation = app::incarnation_of((*first)->created_at)};
    ASSERT_TRUE(run<void>([&] { return roles_.delete_role("releaser", admin_); }));
    clock_.advance(1ms);
    const auto second = create("releaser", {"projects.read"});
    ASSERT_EQ((*second)->revision, seen.revision);
    const texts more{"projects.read", "databases.read"};
    EXPECT_EQ(replace("releaser", more, seen).error().reason, "revision_mismatch");
    EXPECT_EQ(replace("releaser", more, app::seen_version{.revision = seen.revision}).error().code,
              base::errc::precondition);
}

// Both requests are accepted before either has written.
TEST_F(role_registry, is_not_granted_while_it_is_deleted) {
    for (const bool has_role : {false, true}) {
        for (const bool deletes_first : {false, true}) {
            fakes::memory_document_store memory;
            fakes::gated_store store(memory, loop_.executor());
            app::role_registry roles({.store = store, .clock = clock_, .log = log_});
            app::member_registry members({.store = store,
                                          .projects = cache_,
                                          .clock = clock_,
                                          .log = log_,
                                          .roles = &roles});
            roles.on_change([&](const std::string& name) { members.update_role(name); });
            roles.set_usage([&](std::string_view name) { return members.has_role(name); });
            const auto put = [&](const std::string& role) {
                return members.put_member({.project = "shop", .subject = "ada", .role = role},
                                          {.subject = "root"}, admin_);
            };
            ASSERT_TRUE(run<app::shared_role>([&] {
                return roles.create_role(
                    {.name = "releaser", .permissions = texts{"projects.read"}}, admin_);
            }));
            if (has_role) {
                ASSERT_TRUE(run<app::granted_role>([&] { return put("viewer"); }));
            }
            store.close_gate();
            aio::task_group group(loop_.executor());
            std::optional<base::outcome<void>> deleted;
            std::optional<base::outcome<app::granted_role>> granted;
            const auto start_deletion = [&] {
                group.spawn([&]() -> aio::task<> {
                    deleted = co_await roles.delete_role("releaser", admin_);
                    co_return base::ok();
                });
                fakes::poll_until_idle(loop_);
            };
            if (deletes_first) start_deletion();
            group.spawn([&]() -> aio::task<> {
                granted = co_await put("releaser");
                co_return base::ok();
            });
            fakes::poll_until_idle(loop_);
            if (!deletes_first) start_deletion();
            store.open_gate();
            while (group.size() > 0) loop_.poll();
            ASSERT_TRUE(deleted && granted);
            EXPECT_FALSE(*deleted && *granted);
            EXPECT_EQ(roles.permissions_of("releaser").has_value(), !*deleted);
            EXPECT_EQ(members.has_role("releaser"), granted->has_value());
            EXPECT_EQ(members.has_role("viewer"), has_role && !*granted);
            if (!*deleted) {
                EXPECT_EQ(deleted->error().reason, "in_use");
            }
            if (!*granted) {
                EXPECT_EQ(granted->error().fields.at(0).code, "unknown_role");
            }
        }
    }
}

TEST_F(role_registry, is_not_created_while_members_have_a_deleted_role_of_its_name) {
    ASSERT_TRUE(create("releaser", {"projects.read"}));
    ASSERT_TRUE(grant("releaser"));
    // Another replica has deleted the role before it saw the member.
    ASSERT_TRUE(
        run<void>([&] { return store_.remove({.collection = "roles", .id = "releaser"}); }));
    ASSERT_TRUE(run<void>([&] { return roles_.refresh(); }));
    EXPECT_EQ(create("releaser", {"projects.read", "databases.read"}).error().reason, "in_use");
    ASSERT_TRUE(grant("viewer"));
    EXPECT_TRUE(create("releaser", {"projects.read", "databases.read"}));
}

TEST_F(role_registry, starts_with_a_role_that_cannot_be_read_and_denies_its_permissions) {
    ASSERT_TRUE(run<ports::revision>([&] {
        return store_.put({.collection = "roles",
                           .content = {.id = "broken", .body = R"({"permissions":"all"})"}});
    }));
    ASSERT_TRUE(run<void>([&] { return roles_.load(); }));
    EXPECT_EQ(roles_.permissions_of("broken"), domain::permission_set());
    ASSERT_TRUE(grant("broken"));
    EXPECT_EQ(permissions_of_ada(), domain::permission_set());
    EXPECT_TRUE(replace("broken", {"projects.read"}));
    EXPECT_EQ(permissions_of_ada(), domain::permission_set{permission::read_projects});
}

TEST_F(role_registry, is_the_same_after_a_restart) {
    const auto created = create("releaser", {"projects.read", "databases.operate"});
    ASSERT_TRUE(created);
    app::role_registry restarted({.store = store_, .clock = clock_, .log = log_});
    ASSERT_TRUE(run<void>([&] { return restarted.load(); }));
    EXPECT_EQ(*restarted.roles()->at("releaser"), **created);
}

TEST(role_json, rejects_texts_that_it_did_not_write) {
    for (const auto* text :
         {"", "{}", "[]", R"({"v":1,"name":"a","permissions":["databases.fly"]})",
          R"({"v":1,"name":"a","permissions":["databases.read"],"created_at":"x"})"}) {
        EXPECT_FALSE(app::decode_role(text)) << text;
    }
}

}  // namespace
