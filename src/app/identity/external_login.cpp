#include "app/identity/external_login.hpp"

#include <utility>

#include "app/identity/credential_text.hpp"
#include "domain/user_rules.hpp"

namespace app {
namespace {

using base::errc;

// The issuer as the actor of the writes.
shared_principal actor_of(const ports::external_user& user) {
    return std::make_shared<const domain::principal>(domain::principal{
        .subject = user.method, .is_administrator = true, .credential = user.method});
}

}  // namespace

aio::task<> external_login::read_user(const ports::external_user& user) {
    auto read = co_await deps_.rules.read();
    if (!read) co_return base::pass(std::move(read), "read the rules of group mapping");
    domain::principal caller{.subject = user.subject, .credential = user.method};
    for (const auto& project : user.managed_projects) caller.roles.try_emplace(project);
    const auto index = deps_.members.members();
    for (const auto& [project, members] : *index) {
        if (members.contains(user.subject)) caller.roles.try_emplace(project);
    }
    read = co_await deps_.reads.read_caller(
        std::make_shared<const domain::principal>(std::move(caller)));
    if (!read) co_return base::pass(std::move(read), "read the user");
    co_return base::ok();
}

aio::task<> external_login::apply_user(const ports::external_user& user) {
    const auto index = deps_.users.users();
    if (index->contains(user.subject)) co_return co_await apply_platform_role(user);
    domain::user_request wanted{.name = user.subject};
    if (domain::is_email(user.email) && !contains_credential(user.email)) {
        wanted.email = user.email;
    } else if (!user.email.empty()) {
        deps_.log.warning("email_not_applied",
                          {{"user", user.subject},
                           {"issuer", user.method},
                           {"error",
                            "the claim is no e-mail address of at most 254 bytes, or it contains "
                            "a credential"}});
    }
    if (user.is_administrator) wanted.role = std::string(name(domain::platform_role::admin));
    const auto created = co_await deps_.users.create_user(std::move(wanted), actor_of(user));
    if (created) co_return base::ok();
    // Another login of the user may have been first.
    if (created.error().code == errc::conflict) co_return co_await apply_platform_role(user);
    co_return base::pass(created);
}

aio::task<> external_login::apply_platform_role(const ports::external_user& user) {
    const auto index = deps_.users.users();
    const auto known = index->find(user.subject);
    if (known == index->end()) co_return base::ok();  // deleted since; there is no session
    const auto& record = *known->second.record;
    if (!user.manages_administrators && !is_orphaned(record)) co_return base::ok();
    const bool is_administrator = record.role == domain::platform_role::admin;
    // The issuer may have another name now. The role ends with the rule that gives it.
    const bool has_moved = is_administrator && is_from_groups(record.role_granted_by) &&
                           record.role_granted_by != user.method;
    if (is_administrator == user.is_administrator && !(has_moved && user.is_administrator)) {
        co_return base::ok();
    }
    const auto role =
        user.is_administrator ? domain::platform_role::admin : domain::platform_role::none;
    const auto changed = co_await deps_.users.set_group_role(user.subject, role, actor_of(user));
    if (changed) co_return base::ok();
    co_return base::pass(changed);
}

std::optional<domain::permission_set> external_login::permissions_of(std::string_view role) const {
    if (const auto built_in = domain::find_role(role)) return domain::permissions_of(*built_in);
    const auto index = deps_.roles.roles();
    const auto custom = index->find(role);
    if (custom == index->end()) return std::nullopt;
    return custom->second->permissions;
}

std::string external_login::widest_role(const std::string& project,
                                        const std::vector<std::string>& names) const {
    std::string result;
    for (const auto& name : names) {
        if (!permissions_of(name)) {
            deps_.log.warning(
                "role_not_applied",
                {{"project", project}, {"role", name}, {"error", "the role does not exist"}});
        } else if (result.empty() || is_wider(name, result)) {
            result = name;
        }
    }
    return result;
}

bool external_login::is_wider(std::string_view role, std::string_view other) const {
    const auto permissions = permissions_of(role).value_or(domain::permission_set());
    const auto others = permissions_of(other).value_or(domain::permission_set());
    return permissions.include(others) && !others.include(permissions);
}

bool external_login::is_orphaned(const group_role& granted) const {
    return is_from_groups(granted.method) && !deps_.rules.is_in_use(granted);
}

bool external_login::is_orphaned(const domain::user& record) const {
    return is_orphaned({.method = record.role_granted_by, .role = std::string(name(record.role))});
}

bool external_login::is_orphaned(const domain::project_member& record) const {
    return is_orphaned(
        {.method = record.created_by, .project = record.project, .role = record.role});
}

std::set<std::string, std::less<>> external_login::decided_projects(
    const ports::external_user& user) const {
    auto projects = user.managed_projects;
    const auto index = deps_.members.members();
    for (const auto& [project, members] : *index) {
        const auto member = members.find(user.subject);
        if (member == members.end()) continue;
        if (is_orphaned(*member->second)) projects.insert(project);
    }
    return projects;
}

aio::task<> external_login::apply_roles(const ports::external_user& user) {
    const caller actor{.subject = user.method};
    const auto grantor = actor_of(user);
    for (const auto& project : decided_projects(user)) {
        const auto index = deps_.members.members();
        const auto members = index->find(project);
        shared_member present;
        if (members != index->end()) {
            const auto entry = members->second.find(user.subject);
            if (entry != members->second.end()) present = entry->second;
        }
        const bool is_ours =
            !present || present->created_by == user.method || is_orphaned(*present);
        const auto granted = user.roles.find(project);
        const auto role =
            granted == user.roles.end() ? std::string() : widest_role(project, granted->second);
        // The role that a person has granted comes back, unless the present one of the groups is
        // wider, too.
        const bool is_replacing = is_ours && present && present->replaced;
        if (role.empty() || (is_replacing && !is_wider(role, present->replaced->role))) {
            if (!present || !is_ours) continue;
            const auto ended = co_await deps_.members.end_group_role(present);
            if (!ended) co_return base::pass(ended);
            continue;
        }
        // The issuer may have another name now. The role ends with the rule that gives it.
        const bool has_moved = present && present->role == role &&
                               is_from_groups(present->created_by) &&
                               present->created_by != user.method;
        const bool is_kept =
            present && (is_ours ? present->role == role : !is_wider(role, present->role));
        if (is_kept && !has_moved) continue;
        const auto changed = co_await deps_.members.put_member(
            {.project = project, .subject = user.subject, .role = role}, actor, grantor);
        if (changed) continue;
        // The project or the role does not exist.
        const bool is_missing =
            changed.error().code == errc::not_found || changed.error().code == errc::invalid;
        if (!is_missing) co_return base::pass(changed);
        deps_.log.warning("role_not_applied",
                          {{"project", project}, {"role", role}, {"error", changed.error().text}});
    }
    co_return base::ok();
}

bool external_login::is_active(const std::string& subject) const {
    const auto index = deps_.users.users();
    const auto known = index->find(subject);
    return known != index->end() && known->second.record->state == domain::user_state::active;
}

aio::task<> external_login::end_orphans(const ports::external_user& user) {
    // Another request may have deleted the user since, and its roles before these were written.
    const bool has_ended = !is_active(user.subject);
    const auto index = deps_.members.members();
    for (const auto& [project, members] : *index) {
        const auto member = members.find(user.subject);
        if (member == members.end()) continue;
        const auto& record = member->second;
        const bool is_given = has_ended && record->created_by == user.method;
        if (!is_given && !is_orphaned(*record)) continue;
        const auto ended = co_await deps_.members.end_group_role(record);
        if (!ended) co_return base::pass(ended);
    }
    const auto users = deps_.users.users();
    const auto known = users->find(user.subject);
    if (known == users->end() || !is_orphaned(*known->second.record)) co_return base::ok();
    const auto changed = co_await deps_.users.set_group_role(
        user.subject, domain::platform_role::none, actor_of(user));
    if (!changed) co_return base::pass(changed);
    co_return base::ok();
}

aio::task<> external_login::apply(const ports::external_user& user) {
    auto applied = co_await apply_user(user);
    if (applied) applied = co_await apply_roles(user);
    // The end of a rule or of the user looks for its roles once, and must not miss a role that this
    // login has written at the same time.
    if (applied) applied = co_await read_user(user);
    if (applied) applied = co_await end_orphans(user);
    co_return applied;
}

aio::task<issued_tokens> external_login::log_in(ports::external_user user) {
    const auto read = co_await read_user(user);
    if (!read) co_return base::pass(read);
    const auto index = deps_.users.users();
    const bool is_new = !index->contains(user.subject);
    if (is_new || is_active(user.subject)) {  // a rejected login changes nothing
        const auto applied = co_await apply(user);
        if (!applied) co_return base::pass(applied);
    }
    co_return co_await deps_.sessions.start_session(
        {.subject = user.subject, .method = user.method});
}

}  // namespace app
