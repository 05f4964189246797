#pragma once
// The registries of roles, members, users, service accounts, API keys and rules of group mapping of
// one process, and their effects on each other. Lives on the control loop.

#include <string>
#include <string_view>

#include "app/identity/digest_keys.hpp"
#include "app/identity/group_rules.hpp"
#include "app/identity/key_registry.hpp"
#include "app/identity/member_registry.hpp"
#include "app/identity/role_registry.hpp"
#include "app/identity/service_account_manager.hpp"
#include "app/identity/user_registry.hpp"

namespace app {

struct identity_registries {
    struct deps {
        ports::document_store& store;
        const state_cache& projects;
        password_pool& passwords;
        const base::clock& clock;
        obs::log& log;
        shared_sealer sealer{};  // of the digest keys; null: there are none
        domain::api_key_policy key_policy{};
        bool has_replicas = false;  // other processes write to the store
    };
    // A changed role changes its members, and a changed member the roles of its user. The deletion
    // of a user or a service account revokes its keys and memberships first. The accounts of a
    // project end with it.
    explicit identity_registries(const deps& deps)
        : roles({.store = deps.store, .clock = deps.clock, .log = deps.log}),
          members({.store = deps.store,
                   .projects = deps.projects,
                   .clock = deps.clock,
                   .log = deps.log,
                   .roles = &roles}),
          users({.store = deps.store,
                 .members = members,
                 .passwords = deps.passwords,
                 .clock = deps.clock,
                 .log = deps.log}),
          accounts(deps.store),
          digests(
              {.store = deps.store, .clock = deps.clock, .log = deps.log, .sealer = deps.sealer}),
          keys({.store = deps.store,
                .members = members,
                .clock = deps.clock,
                .log = deps.log,
                .users = &users,
                .accounts = &accounts,
                .digests = &digests,
                .policy = deps.key_policy}),
          account_manager({.accounts = accounts,
                           .keys = keys,
                           .members = members,
                           .projects = deps.projects,
                           .clock = deps.clock,
                           .log = deps.log}),
          rules({.store = deps.store,
                 .members = members,
                 .users = users,
                 .log = deps.log,
                 .has_replicas = deps.has_replicas}) {
        roles.on_change([this](const std::string& name) { members.update_role(name); });
        roles.set_holders({.have = [this](std::string_view name) { return members.has_role(name); },
                           .refresh = [this] { return members.refresh(); }});
        members.on_change([this](const std::string& subject) { users.update_roles(subject); });
        members.set_check(
            [this](const auto& member) { return account_manager.check_member(member); });
        members.before_project_ends(
            [this](std::string project) { return account_manager.forget_project(project); });
        users.before_deletion([this](std::string name) { return keys.revoke_subject(name); });
        users.before_creation([this](std::string name) { return keys.revoke_own_keys(name); });
        users.before_deletion([this](std::string name) { return members.forget_subject(name); });
    }
    // Its observers refer to it.
    identity_registries(const identity_registries&) = delete;
    identity_registries& operator=(const identity_registries&) = delete;

    // Reads every registry except the digest keys. Errors: unavailable, corrupt, cancelled.
    aio::task<> load() {
        auto loaded = co_await roles.load();
        if (loaded) loaded = co_await members.load();
        if (loaded) loaded = co_await users.load();
        if (loaded) loaded = co_await accounts.load();
        if (loaded) loaded = co_await keys.load();
        if (loaded) loaded = co_await rules.load();
        co_return loaded;
    }

    role_registry roles;
    member_registry members;
    user_registry users;
    service_account_registry accounts;
    digest_keys digests;
    key_registry keys;
    service_account_manager account_manager;
    group_rules rules;
};

}  // namespace app
