#include "app/identity/member_registry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "app/group_rule_register.hpp"
#include "app/identity/member_json.hpp"
#include "app/record_failures.hpp"

namespace app {
namespace {

using base::errc;

// A role that was deleted after it was granted has no permissions.
constexpr domain::permission_set none;

std::unexpected<base::failure> no_such_member(std::string_view project, std::string_view subject) {
    return base::fail(errc::not_found,
                      fmt::format("project '{}' has no member '{}'", project, subject),
                      "member_not_found");
}

std::unexpected<base::failure> unknown_role() {
    auto failure = base::failure{.code = errc::invalid, .text = "the role does not exist"};
    failure.fields.push_back(
        {"/role", "unknown_role", "must be viewer, developer, owner, or a custom role"});
    return std::unexpected(std::move(failure));
}

base::outcome<domain::project_member> record_of(const ports::document& document) {
    auto record = decode_member(document.body);
    if (!record) return base::pass(std::move(record), document.id);
    if (id_of_member(record->project, record->subject) != document.id) {
        return base::fail(errc::corrupt, fmt::format("{}: invalid id", document.id));
    }
    return record;
}

ports::document document_of(const domain::project_member& record) {
    return {.id = id_of_member(record.project, record.subject), .body = encode(record)};
}

}  // namespace

member_registry::member_registry(deps deps)
    : deps_(deps),
      registry_(deps.store, {.collection = "members", .encode = document_of, .decode = record_of}) {
    index_.store(std::make_shared<const member_index>());
    registry_.on_change([this](const std::vector<std::string>& ids) { publish(ids); });
}

shared_member member_registry::find(const std::string& project, const std::string& subject) const {
    return registry_.find(id_of_member(project, subject));
}

void member_registry::publish(const std::vector<std::string>& ids) {
    auto next = std::make_shared<member_index>(*index_.load());
    std::set<std::string> subjects;
    for (const auto& id : ids) {
        const auto slash = id.find('/');
        const auto project = id.substr(0, slash);
        auto subject = id.substr(slash + 1);
        if (auto record = registry_.find(id)) {
            (*next)[project].insert_or_assign(subject, std::move(record));
        } else if (const auto members = next->find(project); members != next->end()) {
            members->second.erase(subject);
            if (members->second.empty()) next->erase(members);
        }
        subjects.insert(std::move(subject));
    }
    index_.store(std::move(next));
    for (const auto& subject : subjects) notify(subject);
}

void member_registry::notify(const std::string& subject) const {
    for (const auto& observer : observers_) observer(subject);
}

aio::task<> member_registry::forget_project(std::string project) {
    for (const auto& step : deletion_steps_) {
        auto completed = co_await step(project);
        if (!completed) co_return completed;
    }
    auto read = co_await refresh();
    if (!read) co_return base::pass(std::move(read), "read the members");
    const auto index = index_.load();
    const auto members = index->find(project);
    if (members == index->end()) co_return base::ok();
    for (const auto& [subject, record] : members->second) {
        auto removed = co_await registry_.remove(id_of_member(project, subject));
        if (!removed) co_return base::pass(std::move(removed), "delete a member");
    }
    co_return base::ok();
}

aio::task<> member_registry::forget_subject(std::string subject) {
    auto read = co_await refresh();
    if (!read) co_return base::pass(std::move(read), "read the members");
    for (const auto& [project, granted] : roles_of(subject)) {
        auto removed = co_await registry_.remove(id_of_member(project, subject));
        if (!removed) co_return base::pass(std::move(removed), "delete a member");
    }
    co_return base::ok();
}

std::optional<domain::permission_set> member_registry::permissions_of(std::string_view role) const {
    if (deps_.roles != nullptr) return deps_.roles->permissions_of(role);
    const auto built_in = domain::find_role(role);
    return built_in ? std::optional(domain::permissions_of(*built_in)) : std::nullopt;
}

void member_registry::update_role(const std::string& name) {
    std::set<std::string> subjects;
    for (const auto& [id, record] : registry_.records()) {
        if (record->role == name) subjects.insert(record->subject);
    }
    for (const auto& subject : subjects) notify(subject);
}

bool member_registry::has_role(std::string_view name) const {
    return std::ranges::any_of(registry_.records(), [&](const auto& entry) {
        const auto& record = *entry.second;
        return record.role == name || (record.replaced && record.replaced->role == name);
    });
}

aio::task<bool> member_registry::restore_replaced(shared_member member) {
    bool is_restored = false;
    auto stored = co_await registry_.put(
        id_of_member(member->project, member->subject),
        [&](const domain::project_member* newest) -> base::outcome<domain::project_member> {
            is_restored = newest != nullptr && *newest == *member;
            if (newest == nullptr) return no_such_member(member->project, member->subject);
            if (!is_restored) return *newest;
            auto record = *newest;
            record.role = newest->replaced->role;
            record.created_at = newest->replaced->created_at;
            record.created_by = newest->replaced->created_by;
            record.replaced.reset();
            return record;
        });
    if (!stored && stored.error().code == errc::not_found) co_return false;
    if (!stored) co_return base::pass(std::move(stored));
    co_return is_restored;
}

aio::task<bool> member_registry::remove_unchanged(shared_member member) {
    bool is_unchanged = false;
    auto removed = co_await registry_.remove_if(id_of_member(member->project, member->subject),
                                                [&](const domain::project_member& newest) {
                                                    is_unchanged = newest == *member;
                                                    return is_unchanged;
                                                });
    if (!removed) co_return base::pass(std::move(removed));
    co_return is_unchanged;
}

aio::task<bool> member_registry::end_group_role(shared_member member) {
    auto change = member->replaced ? restore_replaced(member) : remove_unchanged(member);
    const auto ended = co_await std::move(change);
    if (!ended) co_return base::pass(ended, "end the role of a group");
    if (*ended) {
        deps_.log.info("role_revoked", {{"project", member->project},
                                        {"member", member->subject},
                                        {"role", member->role},
                                        {"subject", member->created_by}});
    }
    co_return ended;
}

domain::role_map member_registry::roles_of(const std::string& subject) const {
    domain::role_map result;
    const auto index = index_.load();
    for (const auto& [project, members] : *index) {
        const auto entry = members.find(subject);
        if (entry == members.end()) continue;
        const auto& role = entry->second->role;
        result.emplace(project, domain::granted_role(role, permissions_of(role).value_or(none)));
    }
    return result;
}

base::outcome<domain::project_member> member_registry::grant(
    const domain::project_member& wanted, const domain::project_member* newest,
    const domain::principal& grantor) const {
    const auto permissions = permissions_of(wanted.role);
    if (!permissions) return unknown_role();
    auto checked = check_(wanted);
    if (checked) checked = domain::check_grant(wanted, *permissions, grantor);
    if (checked && newest != nullptr) checked = check_end(*newest, grantor);
    if (!checked) return base::pass(std::move(checked));
    const bool is_taken_over = newest != nullptr && is_from_groups(newest->created_by) &&
                               newest->created_by != wanted.created_by;
    if (newest != nullptr && newest->role == wanted.role && !is_taken_over) return *newest;
    // A person may have granted the present role since the login was compared with it.
    const bool is_by_person = newest != nullptr && !is_from_groups(newest->created_by);
    if (is_by_person && is_from_groups(wanted.created_by)) {
        const auto present = permissions_of(newest->role).value_or(none);
        const bool is_wider = permissions->include(present) && !present.include(*permissions);
        if (!is_wider) return *newest;
    }
    const auto index = index_.load();
    const auto members = index->find(wanted.project);
    if (newest == nullptr && members != index->end() && members->second.size() >= members_max) {
        return base::fail(
            errc::limit,
            fmt::format("the project has {} members already, which is the maximum", members_max),
            "too_many");
    }
    auto next = wanted;
    if (newest != nullptr && is_from_groups(wanted.created_by)) {
        next.replaced = is_from_groups(newest->created_by)
                            ? newest->replaced
                            : domain::replaced_role{.role = newest->role,
                                                    .created_at = newest->created_at,
                                                    .created_by = newest->created_by};
    }
    return next;
}

base::outcome<void> member_registry::check_end(const domain::project_member& member,
                                               const domain::principal& grantor) const {
    auto checked = domain::check_grant(member, permissions_of(member.role).value_or(none), grantor);
    if (!checked || !member.replaced) return checked;
    return domain::check_grant(member, permissions_of(member.replaced->role).value_or(none),
                               grantor);
}

aio::task<granted_role> member_registry::put_member(domain::project_member wanted, caller client,
                                                    shared_principal grantor) {
    if (!deps_.projects.project(wanted.project)) co_return no_such_project(wanted.project);
    wanted.created_at = deps_.clock.utc_now();
    wanted.created_by = client.subject;
    std::optional<domain::project_member> previous;
    auto stored = co_await registry_.put(
        id_of_member(wanted.project, wanted.subject), [&](const domain::project_member* newest) {
            previous = newest == nullptr ? std::nullopt : std::optional(*newest);
            return grant(wanted, newest, *grantor);
        });
    if (!stored) co_return base::pass(std::move(stored));
    // A deletion of the role or of the service account checks the members after it. Therefore, one
    // of both sees the other.
    auto checked = co_await check_granted(stored->record, grantor);
    if (!checked) {
        if (!stored->is_changed) co_return base::pass(std::move(checked));
        auto undone = co_await undo_grant(stored->record, std::move(previous));
        co_return base::pass(undone ? std::move(checked) : std::move(undone));
    }
    if (stored->is_changed) {
        deps_.log.info("role_granted", {{"project", wanted.project},
                                        {"member", wanted.subject},
                                        {"role", wanted.role},
                                        {"subject", client.subject},
                                        {"request_id", client.request_id},
                                        obs::trace_field(client.trace).value()});
    }
    co_return granted_role{.record = std::move(stored->record), .is_new = stored->is_new};
}

aio::task<> member_registry::check_granted(shared_member member, shared_principal grantor) {
    const bool is_custom = deps_.roles != nullptr && !domain::find_role(member->role);
    if (is_custom) {
        auto read = co_await deps_.roles->refresh(member->role);
        if (!read) co_return base::pass(std::move(read), "read the role");
    }
    const auto permissions = permissions_of(member->role);
    if (!permissions) co_return unknown_role();
    auto checked = domain::check_grant(*member, *permissions, *grantor);
    if (checked) checked = check_(*member);
    co_return checked;
}

aio::task<bool> member_registry::is_same_role(domain::project_member member) {
    if (deps_.roles == nullptr || domain::find_role(member.role)) co_return true;
    auto read = co_await deps_.roles->refresh(member.role);
    if (!read) co_return base::pass(std::move(read), "read the former role");
    const auto index = deps_.roles->roles();
    const auto role = index->find(member.role);
    co_return role != index->end() && role->second->created_at <= member.created_at;
}

aio::task<> member_registry::undo_grant(shared_member granted,
                                        std::optional<domain::project_member> previous) {
    if (previous) {
        // A role that was deleted in the meantime, and perhaps created again, does not come back.
        const auto is_same = co_await is_same_role(*previous);
        if (!is_same) co_return base::pass(is_same);
        if (!*is_same) previous.reset();
    }
    const auto id = id_of_member(granted->project, granted->subject);
    if (!previous) {
        auto removed = co_await registry_.remove_if(
            id, [&](const domain::project_member& newest) { return newest == *granted; });
        if (!removed) co_return base::pass(std::move(removed), "delete the member");
        co_return base::ok();
    }
    auto restored = co_await registry_.put(
        id, [&](const domain::project_member* newest) -> base::outcome<domain::project_member> {
            if (newest == nullptr) return no_such_member(granted->project, granted->subject);
            return *newest == *granted ? *previous : *newest;
        });
    if (!restored) co_return base::pass(std::move(restored), "restore the role of the member");
    co_return base::ok();
}

aio::task<void> member_registry::delete_member(std::string project, std::string subject,
                                               caller client, shared_principal grantor) {
    if (!find(project, subject)) co_return no_such_member(project, subject);
    base::outcome<void> checked = base::ok();
    auto removed = co_await registry_.remove_if(id_of_member(project, subject),
                                                [&](const domain::project_member& newest) {
                                                    checked = check_end(newest, *grantor);
                                                    return checked.has_value();
                                                });
    if (!removed) co_return base::pass(std::move(removed), "delete the member");
    if (!checked) co_return checked;
    deps_.log.info("role_revoked", {{"project", project},
                                    {"member", subject},
                                    {"subject", client.subject},
                                    {"request_id", client.request_id},
                                    obs::trace_field(client.trace).value()});
    co_return base::ok();
}

}  // namespace app
