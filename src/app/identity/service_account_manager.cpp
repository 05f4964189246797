#include "app/identity/service_account_manager.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "app/record_failures.hpp"

namespace app {
namespace {

using base::errc;

std::unexpected<base::failure> no_such_account(std::string_view name) {
    return base::fail(errc::not_found, fmt::format("there is no service account '{}'", name),
                      "service_account_not_found");
}

// Returns an error if there is no account or the client must not change it. The route has checked
// the client for the account of that time; another project may have one of this name by now.
base::outcome<void> check_account(const domain::service_account* account, std::string_view name,
                                  const domain::principal& client) {
    const bool may_change =
        account != nullptr && domain::check_account_access(client, account->project);
    if (!may_change) return no_such_account(name);
    return base::ok();
}

}  // namespace

base::outcome<void> service_account_manager::check_member(
    const domain::project_member& member) const {
    const auto name = domain::account_of_subject(member.subject);
    if (!name) return base::ok();
    const auto account = deps_.accounts.find(*name);
    // An unknown account looks like one of another project.
    const domain::service_account unknown{.project = "/"};
    return domain::check_account_member(account ? *account : unknown, member.project);
}

aio::task<> service_account_manager::clear(std::string name) {
    const auto subject = domain::subject_of_account(name);
    auto cleared = co_await deps_.keys.revoke_subject(subject);
    if (cleared) cleared = co_await deps_.members.forget_subject(subject);
    co_return cleared;
}

aio::task<> service_account_manager::erase(std::string name) {
    auto cleared = co_await clear(name);
    if (!cleared) co_return cleared;
    auto removed = co_await deps_.accounts.remove(name);
    if (!removed) co_return base::pass(std::move(removed), "delete the service account");
    co_return co_await clear(std::move(name));  // what was created in the meantime
}

aio::task<> service_account_manager::forget_project(std::string project) {
    const auto index = accounts();
    for (const auto& [name, account] : *index) {
        if (account->project != project) continue;
        auto erased = co_await erase(name);
        if (!erased) co_return erased;
    }
    co_return base::ok();
}

base::outcome<void> service_account_manager::check_room(std::string_view project) const {
    const auto index = accounts();
    if (index->size() >= accounts_max) {
        return base::fail(errc::limit,
                          fmt::format("there are {} service accounts already, which is the maximum",
                                      accounts_max),
                          "too_many");
    }
    const auto is_in_project = [&](const auto& entry) { return entry.second->project == project; };
    const bool is_full = !project.empty() && std::ranges::count_if(*index, is_in_project) >=
                                                 std::ptrdiff_t(accounts_of_project_max);
    if (!is_full) return base::ok();
    return base::fail(errc::limit,
                      fmt::format("the project has {} service accounts already, which is the "
                                  "maximum",
                                  accounts_of_project_max),
                      "too_many");
}

aio::task<shared_account> service_account_manager::create_account(
    domain::service_account_request wanted, shared_principal client) {
    auto checked = domain::check_account_access(*client, wanted.project.value_or(""));
    if (!checked) co_return base::pass(std::move(checked));
    auto record = domain::validate(wanted, *client, deps_.clock.utc_now());
    if (!record) co_return base::pass(std::move(record));
    const auto name = record->name;
    const auto& project = record->project;
    if (!project.empty() && !deps_.projects.project(project)) co_return no_such_project(project);
    if (!deps_.accounts.find(name)) {
        // Keys and roles that a deletion on another replica has missed.
        auto cleared = co_await clear(name);
        if (!cleared) co_return base::pass(std::move(cleared));
    }
    auto stored = co_await deps_.accounts.put(
        name, [&](const domain::service_account* newest) -> base::outcome<domain::service_account> {
            if (newest != nullptr) {
                return base::fail(errc::conflict,
                                  fmt::format("there is a service account '{}' already", name),
                                  "already_exists");
            }
            auto has_room = check_room(project);
            if (!has_room) return base::pass(std::move(has_room));
            return *record;
        });
    if (!stored) co_return stored;
    deps_.log.info("service_account_created", {{"account", name},
                                               {"project", project},
                                               {"subject", client->subject},
                                               {"credential", client->credential}});
    co_return stored;
}

aio::task<shared_account> service_account_manager::patch_account(
    std::string name, domain::service_account_patch wanted, shared_principal client) {
    auto stored = co_await deps_.accounts.put(
        name, [&](const domain::service_account* newest) -> base::outcome<domain::service_account> {
            auto checked = check_account(newest, name, *client);
            if (!checked) return base::pass(std::move(checked));
            return domain::apply(wanted, *newest);
        });
    if (!stored) co_return stored;
    deps_.log.info("service_account_changed", {{"account", name},
                                               {"state", domain::name((*stored)->state)},
                                               {"subject", client->subject},
                                               {"credential", client->credential}});
    co_return stored;
}

aio::task<void> service_account_manager::delete_account(std::string name, shared_principal client) {
    auto read = co_await deps_.accounts.refresh(name);
    if (!read) co_return base::pass(std::move(read), "read the service account");
    auto allowed = check_account(deps_.accounts.find(name).get(), name, *client);
    if (!allowed) co_return allowed;
    auto erased = co_await erase(name);
    if (!erased) co_return erased;
    deps_.log.info(
        "service_account_deleted",
        {{"account", name}, {"subject", client->subject}, {"credential", client->credential}});
    co_return base::ok();
}

aio::task<created_key> service_account_manager::create_account_key(std::string name,
                                                                   domain::api_key_request wanted,
                                                                   shared_principal client) {
    auto read = co_await deps_.accounts.refresh(name);
    if (read) read = co_await deps_.members.refresh();
    if (!read) co_return base::pass(std::move(read), "read the roles of the service account");
    const auto account = deps_.accounts.find(name);
    auto allowed = check_account(account.get(), name, *client);
    if (!allowed) co_return base::pass(std::move(allowed));
    auto subject = domain::subject_of_account(name);
    auto checked = domain::check_account_roles(deps_.members.roles_of(subject), *client);
    if (!checked) co_return base::pass(std::move(checked));
    auto created = co_await deps_.keys.create_key_of(std::move(subject), std::move(wanted), client);
    if (!created) co_return created;
    // The deletion of an account removes its record and then revokes its keys. After this check,
    // either the deletion finds the new key, or the check finds the deletion, also if another
    // account has the name by now.
    read = co_await deps_.accounts.refresh(name);
    const auto newest = deps_.accounts.find(name);
    const bool is_same =
        newest && newest->created_at == account->created_at && newest->project == account->project;
    if (read && is_same) co_return created;
    auto revoked = co_await deps_.keys.revoke_key(created->record->id);
    if (!revoked) co_return base::pass(std::move(revoked));
    if (!read) co_return base::pass(std::move(read), "read the service account");
    co_return no_such_account(name);
}

aio::task<void> service_account_manager::revoke_account_key(std::string name, std::string id) {
    const auto index = deps_.keys.keys();
    const auto entry = index->find(id);
    const bool is_own = entry != index->end() &&
                        entry->second.record->subject == domain::subject_of_account(name) &&
                        !entry->second.record->revoked_at;
    if (!is_own) {
        co_return base::fail(errc::not_found,
                             fmt::format("the service account '{}' has no API key '{}'", name, id));
    }
    co_return co_await deps_.keys.revoke_key(std::move(id));
}

}  // namespace app
