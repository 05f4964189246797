#include "app/identity/role_registry.hpp"

#include <gtest/gtest.h>

#include "app/identity/member_json.hpp"
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
        roles_.set_holders(
            {.have = [this](std::string_view name) { return members_.has_role(name); },
             .refresh = [this] { return members_.refresh(); }});
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

// The registries of one replica.
struct replica {
    replica(ports::document_store& store, const app::state_cache& cache, const base::clock& clock,
            obs::log& log)
        : roles({.store = store, .clock = clock, .log = log}),
          members(
              {.store = store, .projects = cache, .clock = clock, .log = log, .roles = &roles}) {
        roles.on_change([this](const std::string& name) { members.update_role(name); });
        roles.set_holders({.have = [this](std::string_view name) { return members.has_role(name); },
                           .refresh = [this] { return members.refresh(); }});
    }
    aio::task<app::granted_role> grant(const std::string& role, app::shared_principal grantor) {
        return members.put_member({.project = "shop", .subject = "ada", .role = role},
                                  {.subject = grantor->subject}, grantor);
    }
    aio::task<> refresh() {
        auto refreshed = co_await roles.refresh();
        if (refreshed) refreshed = co_await members.refresh();
        co_return refreshed;
    }
    app::role_registry roles;
    app::member_registry members;
};

class roles_of_two_replicas : public role_registry {
  protected:
    base::outcome<app::shared_role> create_at(replica& target, texts permissions) {
        return run<app::shared_role>([&] {
            return target.roles.create_role({.name = "releaser", .permissions = permissions},
                                            admin_);
        });
    }
    base::outcome<void> delete_at(replica& target) {
        return run<void>([&] { return target.roles.delete_role("releaser", admin_); });
    }
    base::outcome<app::granted_role> grant_at(replica& target, app::shared_principal grantor) {
        return run<app::granted_role>([&] { return target.grant("releaser", grantor); });
    }
    void refresh(replica& target) {
        ASSERT_TRUE(run<void>([&] { return target.refresh(); }));
    }
    bool is_stored(const std::string& collection, const std::string& id) {
        return run<ports::document>([&] { return store_.get(collection, id); }).has_value();
    }

    // Deletes the role at this replica while a member gets it, and returns the restored role.
    app::shared_role restore_after_a_grant() {
        gate_.close_gate();
        aio::task_group group(loop_.executor());
        std::optional<base::outcome<void>> deleted;
        group.spawn([&]() -> aio::task<> {
            deleted = co_await here_.roles.delete_role("releaser", admin_);
            co_return base::ok();
        });
        fakes::poll_until_idle(loop_);
        const domain::project_member holder{
            .project = "shop", .subject = "ada", .role = "releaser", .created_by = "root"};
        EXPECT_TRUE(run<ports::revision>([&] {
            return store_.put({.collection = "members",
                               .content = {.id = "shop/ada", .body = app::encode(holder)}});
        }));
        gate_.open_gate();
        while (group.size() > 0) loop_.poll();
        EXPECT_TRUE(deleted && !*deleted && deleted->error().reason == "in_use");
        return here_.roles.roles()->at("releaser");
    }

    fakes::gated_store gate_{store_, loop_.executor()};
    replica here_{gate_, cache_, clock_, log_};
    replica there_{gate_, cache_, clock_, log_};
};

// Both requests are accepted before either has written.
TEST_F(roles_of_two_replicas, are_not_granted_while_they_are_deleted) {
    for (const bool is_other_replica : {false, true}) {
        for (const bool has_role : {false, true}) {
            for (const bool deletes_first : {false, true}) {
                SCOPED_TRACE(testing::Message() << is_other_replica << has_role << deletes_first);
                fakes::memory_document_store memory;
                fakes::gated_store store(memory, loop_.executor());
                replica granting(store, cache_, clock_, log_);
                replica other(store, cache_, clock_, log_);
                auto& deleting = is_other_replica ? other : granting;
                ASSERT_TRUE(create_at(granting, {"projects.read"}));
                if (has_role) {
                    ASSERT_TRUE(
                        run<app::granted_role>([&] { return granting.grant("viewer", admin_); }));
                }
                refresh(other);
                store.close_gate();
                aio::task_group group(loop_.executor());
                std::optional<base::outcome<void>> deleted;
                std::optional<base::outcome<app::granted_role>> granted;
                const auto start_deletion = [&] {
                    group.spawn([&]() -> aio::task<> {
                        deleted = co_await deleting.roles.delete_role("releaser", admin_);
                        co_return base::ok();
                    });
                    fakes::poll_until_idle(loop_);
                };
                if (deletes_first) start_deletion();
                group.spawn([&]() -> aio::task<> {
                    granted = co_await granting.grant("releaser", admin_);
                    co_return base::ok();
                });
                fakes::poll_until_idle(loop_);
                if (!deletes_first) start_deletion();
                store.open_gate();
                while (group.size() > 0) loop_.poll();
                ASSERT_TRUE(deleted && granted);
                EXPECT_FALSE(*deleted && *granted);
                refresh(granting);
                refresh(other);
                for (auto* seen : {&granting, &other}) {
                    EXPECT_EQ(seen->roles.permissions_of("releaser").has_value(), !*deleted);
                    EXPECT_EQ(seen->members.has_role("releaser"), granted->has_value());
                    EXPECT_EQ(seen->members.has_role("viewer"), has_role && !*granted);
                }
                if (!*deleted) {
                    EXPECT_EQ(deleted->error().reason, "in_use");
                }
                if (!*granted) {
                    EXPECT_EQ(granted->error().fields.at(0).code, "unknown_role");
                }
            }
        }
    }
}

TEST_F(roles_of_two_replicas, are_not_granted_after_the_other_has_deleted_them) {
    ASSERT_TRUE(create_at(here_, {"projects.read"}));
    refresh(there_);
    ASSERT_TRUE(delete_at(here_));
    ASSERT_TRUE(there_.roles.permissions_of("releaser"));  // it has not seen the deletion
    const auto granted = grant_at(there_, admin_);
    ASSERT_FALSE(granted);
    EXPECT_EQ(granted.error().fields.at(0).code, "unknown_role");
    EXPECT_FALSE(is_stored("members", "shop/ada"));
    EXPECT_TRUE(create_at(here_, {"projects.read", "databases.credentials"}));
}

TEST_F(roles_of_two_replicas, are_neither_deleted_nor_created_over_a_holder_of_the_other) {
    ASSERT_TRUE(create_at(here_, {"projects.read"}));
    refresh(there_);
    ASSERT_TRUE(grant_at(there_, admin_));
    ASSERT_FALSE(here_.members.has_role("releaser"));
    EXPECT_EQ(delete_at(here_).error().reason, "in_use");
    EXPECT_TRUE(is_stored("roles", "releaser"));

    // A replica of an earlier release has deleted the role.
    ASSERT_TRUE(
        run<void>([&] { return store_.remove({.collection = "roles", .id = "releaser"}); }));
    replica third(store_, cache_, clock_, log_);
    EXPECT_EQ(create_at(third, {"projects.read", "databases.credentials"}).error().reason,
              "in_use");
    EXPECT_FALSE(is_stored("roles", "releaser"));
}

TEST_F(roles_of_two_replicas, end_a_creation_that_a_grant_has_overtaken) {
    gate_.close_gate();
    aio::task_group group(loop_.executor());
    std::optional<base::outcome<app::shared_role>> created;
    group.spawn([&]() -> aio::task<> {
        created = co_await here_.roles.create_role(
            {.name = "releaser", .permissions = texts{"projects.read", "databases.credentials"}},
            admin_);
        co_return base::ok();
    });
    fakes::poll_until_idle(loop_);
    ASSERT_EQ(gate_.waiting(), 1);
    const domain::project_member holder{.project = "shop",
                                        .subject = "ada",
                                        .role = "releaser",
                                        .created_at = clock_.utc_now(),
                                        .created_by = "root"};
    ASSERT_TRUE(run<ports::revision>([&] {
        return store_.put(
            {.collection = "members", .content = {.id = "shop/ada", .body = app::encode(holder)}});
    }));
    gate_.open_gate();
    while (group.size() > 0) loop_.poll();
    ASSERT_TRUE(created && !*created);
    EXPECT_EQ(created->error().reason, "in_use");
    EXPECT_FALSE(is_stored("roles", "releaser"));
}

TEST_F(roles_of_two_replicas, are_not_granted_by_a_grantor_that_lacks_their_new_permissions) {
    const auto owner = std::make_shared<const domain::principal>(domain::principal{
        .subject = "owner",
        .roles = {{"shop", {"limited", {permission::read_projects, permission::update_members}}}}});
    ASSERT_TRUE(create_at(here_, {"projects.read"}));
    refresh(there_);
    ASSERT_TRUE(run<app::shared_role>([&] {
        return here_.roles.replace_role(
            "releaser", {.permissions = texts{"projects.read", "databases.credentials"}}, {},
            admin_);
    }));
    const auto granted = grant_at(there_, owner);
    ASSERT_FALSE(granted);
    EXPECT_EQ(granted.error().reason, "exceeds_grantor");
    EXPECT_FALSE(is_stored("members", "shop/ada"));
}

TEST_F(roles_of_two_replicas, report_a_store_that_is_unavailable_and_take_a_grant_back) {
    ASSERT_TRUE(create_at(here_, {"projects.read"}));
    store_.fail_after(1, 1);  // the read of the role after the grant
    EXPECT_EQ(grant_at(here_, admin_).error().code, base::errc::unavailable);
    EXPECT_FALSE(is_stored("members", "shop/ada"));
    store_.fail_after(1, 2);
    EXPECT_EQ(grant_at(here_, admin_).error().code, base::errc::unavailable);
    EXPECT_TRUE(is_stored("members", "shop/ada"));  // it could not be taken back
    EXPECT_TRUE(grant_at(here_, admin_));

    refresh(there_);
    ASSERT_TRUE(run<void>([&] { return there_.members.forget_subject("ada"); }));
    store_.fail_next(1);
    EXPECT_EQ(delete_at(here_).error().code, base::errc::unavailable);
    EXPECT_TRUE(is_stored("roles", "releaser"));
    EXPECT_TRUE(delete_at(here_));
    store_.fail_next(1);
    EXPECT_EQ(create_at(here_, {"projects.read"}).error().code, base::errc::unavailable);
    store_.fail_after(2, 1);  // the second read of the holders
    EXPECT_EQ(create_at(here_, {"projects.read"}).error().code, base::errc::unavailable);
    EXPECT_FALSE(is_stored("roles", "releaser"));
}

TEST_F(roles_of_two_replicas, have_another_incarnation_after_a_deletion_that_was_taken_back) {
    const auto first = create_at(here_, {"projects.read"});
    ASSERT_TRUE(first);
    clock_.advance(1s);
    const auto restored = restore_after_a_grant();
    EXPECT_EQ(restored->revision, (*first)->revision);
    EXPECT_NE(restored->created_at, (*first)->created_at);
}

TEST_F(roles_of_two_replicas, do_not_come_back_with_permissions_that_the_other_has_removed) {
    ASSERT_TRUE(create_at(here_, {"projects.read", "databases.read"}));
    refresh(there_);
    ASSERT_TRUE(run<app::shared_role>([&] {
        return there_.roles.replace_role(
            "releaser", {.name = "releaser", .permissions = texts{"projects.read"}}, {}, admin_);
    }));
    const auto restored = restore_after_a_grant();
    EXPECT_FALSE(restored->permissions.contains(permission::read_databases));
}

TEST_F(roles_of_two_replicas, are_not_restored_to_a_member_after_they_were_created_again) {
    ASSERT_TRUE(create_at(here_, {"projects.read"}));
    const domain::role_request wanted{.name = "former", .permissions = texts{"projects.read"}};
    const auto former =
        run<app::shared_role>([&] { return here_.roles.create_role(wanted, admin_); });
    ASSERT_TRUE(former);
    ASSERT_TRUE(run<app::granted_role>([&] { return here_.grant("former", admin_); }));
    clock_.advance(1s);
    gate_.close_gate();
    aio::task_group group(loop_.executor());
    base::outcome<app::granted_role> granted;
    group.spawn([&]() -> aio::task<> {
        granted = co_await here_.grant("releaser", admin_);
        co_return base::ok();
    });
    fakes::poll_until_idle(loop_);
    ASSERT_EQ(gate_.waiting(), 1);
    auto again = **former;
    again.created_at = clock_.utc_now();
    for (const auto* role : {"releaser", "former"}) {
        ASSERT_TRUE(run<void>([&] { return store_.remove({.collection = "roles", .id = role}); }));
    }
    ASSERT_TRUE(run<ports::revision>([&] {
        return store_.put(
            {.collection = "roles", .content = {.id = "former", .body = app::encode(again)}});
    }));
    gate_.open_gate();
    while (group.size() > 0) loop_.poll();
    ASSERT_FALSE(granted);
    EXPECT_FALSE(is_stored("members", "shop/ada"));
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
