#include "app/identity/user_registry.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "app/group_rule_register.hpp"
#include "app/identity/user_json.hpp"
#include "domain/api_key_rules.hpp"

namespace app {
namespace {

using base::errc;

std::unexpected<base::failure> no_such_user(std::string_view name) {
    return base::fail(errc::not_found, fmt::format("there is no user '{}'", name),
                      "user_not_found");
}

std::unexpected<base::failure> wrong_password() {
    return base::fail(errc::denied, "current_password: is not the password of the user",
                      "wrong_password");
}

std::unexpected<base::failure> last_administrator(std::string_view name) {
    return base::fail(errc::conflict,
                      fmt::format("user '{}' is the last administrator; make another user an "
                                  "administrator first",
                                  name),
                      "last_administrator");
}

base::outcome<domain::user> record_of(const ports::document& document) {
    auto record = decode_user(document.body);
    if (!record) return base::pass(std::move(record), document.id);
    if (record->name != document.id) {
        return base::fail(errc::corrupt, fmt::format("{}: invalid name", document.id));
    }
    return record;
}

ports::document document_of(const domain::user& record) {
    return {.id = record.name, .body = encode(record)};
}

}  // namespace

user_registry::user_registry(deps deps)
    : deps_(deps),
      registry_(deps.store, {.collection = "users", .encode = document_of, .decode = record_of}) {
    registry_.on_change([this](const std::vector<std::string>& names) { publish(names); });
    index_.store(std::make_shared<const user_index>());
}

shared_user user_registry::find(std::string_view name) const {
    const auto index = index_.load();
    const auto entry = index->find(name);
    return entry == index->end() ? nullptr : entry->second.record;
}

bool user_registry::is_administrator(std::string_view subject) const {
    const auto user = find(subject);
    return user && user->role == domain::platform_role::admin;
}

bool user_registry::is_auditor(std::string_view subject) const {
    const auto user = find(subject);
    return user && user->role == domain::platform_role::auditor;
}

bool user_registry::has_administrator() const {
    return !is_last_administrator("");
}

bool user_registry::is_last_administrator(std::string_view name) const {
    return std::ranges::none_of(*index_.load(), [&](const auto& entry) {
        return entry.first != name && entry.second.record->is_active_administrator();
    });
}

shared_principal user_registry::principal_of(const domain::user& user) const {
    return std::make_shared<const domain::principal>(
        domain::principal{.subject = user.name,
                          .is_administrator = user.role == domain::platform_role::admin,
                          .roles = deps_.members.roles_of(user.name),
                          .is_auditor = user.role == domain::platform_role::auditor});
}

void user_registry::update_roles(const std::string& subject) {
    const auto index = index_.load();
    const auto entry = index->find(subject);
    if (entry == index->end()) return;
    auto next = std::make_shared<user_index>(*index);
    (*next)[subject].caller = principal_of(*entry->second.record);
    index_.store(std::move(next));
}

void user_registry::publish(const std::vector<std::string>& names) {
    auto next = std::make_shared<user_index>(*index_.load());
    for (const auto& name : names) {
        auto record = registry_.find(name);
        if (!record) {
            next->erase(name);
            continue;
        }
        auto caller = principal_of(*record);
        next->insert_or_assign(
            name, known_user{.record = std::move(record), .caller = std::move(caller)});
    }
    index_.store(std::move(next));
    for (const auto& name : names) observer_(name);
}

aio::task<shared_user> user_registry::create_user(domain::user_request wanted,
                                                  shared_principal client) {
    auto record = domain::validate(wanted, *client, deps_.clock.utc_now());
    if (!record) co_return base::pass(std::move(record));
    const auto name = record->name;
    const bool is_by_groups = is_from_groups(client->subject) && wanted.role;
    if (is_by_groups) record->role_granted_by = client->subject;
    const auto exists = [&] {
        return base::fail(errc::conflict, fmt::format("there is a user '{}' already", name),
                          "already_exists");
    };
    if (find(name)) co_return exists();
    if (index_.load()->size() >= users_max) {
        co_return base::fail(
            errc::limit, fmt::format("there are {} users already, which is the maximum", users_max),
            "too_many");
    }
    if (wanted.password) {
        auto hash = co_await deps_.passwords.hash(*wanted.password);
        if (!hash) co_return base::pass(std::move(hash));
        record->password_hash = std::move(*hash);
        record->password_changed_at = record->created_at;
    }
    for (const auto& step : creation_steps_) {
        auto ended = co_await step(name);
        if (!ended) co_return base::pass(std::move(ended));
    }
    auto stored = co_await registry_.put(
        name, [&](const domain::user* newest) -> base::outcome<domain::user> {
            if (newest != nullptr) return exists();
            return *record;
        });
    if (!stored) co_return base::pass(std::move(stored));
    deps_.log.info("user_created", {{"user", name},
                                    {"role", domain::name(record->role)},
                                    {"subject", client->subject},
                                    {"credential", client->credential}});
    co_return stored->record;
}

aio::task<shared_user> user_registry::update(std::string name, change change,
                                             last_administrator_rule rule) {
    shared_user previous;
    auto stored = co_await registry_.put(
        name, [&](const domain::user* newest) -> base::outcome<domain::user> {
            previous = nullptr;
            if (newest == nullptr) return no_such_user(name);
            auto changed = change(*newest);
            const bool removes_administrator =
                changed && newest->is_active_administrator() && !changed->is_active_administrator();
            if (!removes_administrator || rule == last_administrator_rule::may_end) return changed;
            if (is_last_administrator(name)) return last_administrator(name);
            previous = std::make_shared<const domain::user>(*newest);
            return changed;
        });
    if (!stored) co_return base::pass(std::move(stored));
    if (previous) {
        auto restored = co_await keep_an_administrator(previous);
        if (!restored) co_return base::pass(std::move(restored));
    }
    co_return stored->record;
}

aio::task<> user_registry::keep_an_administrator(shared_user previous) {
    auto refreshed = co_await refresh();
    if (!refreshed || has_administrator()) co_return base::ok();
    auto stored = co_await registry_.put(
        previous->name,
        [&](const domain::user*) -> base::outcome<domain::user> { return *previous; });
    if (!stored) co_return base::pass(std::move(stored), "restore the last administrator");
    co_return last_administrator(previous->name);
}

aio::task<shared_user> user_registry::patch_user(std::string name, domain::user_patch wanted,
                                                 shared_principal client) {
    auto updated = co_await update(
        name, [&](const domain::user& present) { return domain::apply(wanted, present, *client); });
    if (updated) log_change(**updated, *client);
    co_return updated;
}

aio::task<shared_user> user_registry::set_group_role(std::string name, domain::platform_role role,
                                                     shared_principal client) {
    auto updated = co_await update(
        name,
        [&](const domain::user& present) {
            auto changed = present;
            const bool is_given = role != domain::platform_role::none;
            changed.role = role;
            changed.role_granted_by = is_given ? client->subject : std::string();
            return base::outcome<domain::user>(std::move(changed));
        },
        last_administrator_rule::may_end);
    if (!updated) co_return updated;
    log_change(**updated, *client);
    check_administrators(name, client->subject);
    co_return updated;
}

aio::task<bool> user_registry::end_group_role(std::string name, std::string method) {
    bool is_ended = false;
    auto updated = co_await update(
        name,
        [&](const domain::user& present) {
            auto changed = present;
            is_ended = present.role_granted_by == method;
            if (is_ended) {
                changed.role = domain::platform_role::none;
                changed.role_granted_by.clear();
            }
            return base::outcome<domain::user>(std::move(changed));
        },
        last_administrator_rule::may_end);
    if (!updated) co_return base::pass(std::move(updated));
    if (is_ended) {
        log_change(**updated, {.subject = method, .credential = method});
        check_administrators(name, method);
    }
    co_return is_ended;
}

void user_registry::check_administrators(const std::string& name, const std::string& method) {
    if (has_administrator()) return;
    deps_.log.warning("no_administrator_left", {{"user", name}, {"subject", method}});
}

void user_registry::log_change(const domain::user& changed, const domain::principal& client) {
    deps_.log.info("user_changed", {{"user", changed.name},
                                    {"role", domain::name(changed.role)},
                                    {"state", domain::name(changed.state)},
                                    {"subject", client.subject},
                                    {"credential", client.credential}});
}

aio::task<void> user_registry::set_password(std::string name, domain::password_request wanted,
                                            shared_principal client) {
    const auto present = find(name);
    if (!present) co_return no_such_user(name);
    auto checked = domain::validate(wanted, *present, *client);
    if (!checked) co_return checked;
    if (wanted.current_password) {
        auto is_match =
            co_await deps_.passwords.verify(*wanted.current_password, present->password_hash);
        if (!is_match) co_return base::pass(std::move(is_match));
        if (!*is_match) {
            co_return wrong_password();
        }
    }
    auto hash = co_await deps_.passwords.hash(*wanted.password);
    if (!hash) co_return base::pass(std::move(hash));
    auto updated = co_await update(name, [&](const domain::user& newest) {
        // The owner of a stolen password must not undo what ended it while the hash was computed:
        // a reset, a deletion, the end of the sessions.
        const bool is_outdated =
            wanted.current_password && newest.session_epoch != present->session_epoch;
        if (is_outdated) return base::outcome<domain::user>(wrong_password());
        auto changed = newest;
        changed.password_hash = *hash;
        changed.password_changed_at = deps_.clock.utc_now();
        ++changed.session_epoch;
        return base::outcome<domain::user>(std::move(changed));
    });
    if (!updated) co_return base::pass(std::move(updated));
    deps_.log.info(
        "user_password_changed",
        {{"user", name}, {"subject", client->subject}, {"credential", client->credential}});
    co_return base::ok();
}

aio::task<void> user_registry::end_sessions(std::string name) {
    auto updated = co_await update(name, [](const domain::user& newest) {
        auto changed = newest;
        ++changed.session_epoch;
        return base::outcome<domain::user>(std::move(changed));
    });
    if (!updated) co_return base::pass(std::move(updated));
    co_return base::ok();
}

aio::task<void> user_registry::renew_hash(std::string name, std::string previous,
                                          base::secret password) {
    auto hash = co_await deps_.passwords.hash(std::move(password));
    if (!hash) co_return base::pass(std::move(hash));
    auto updated = co_await update(name, [&](const domain::user& newest) {
        auto changed = newest;
        if (changed.password_hash == previous) changed.password_hash = *hash;
        return base::outcome<domain::user>(std::move(changed));
    });
    if (!updated) co_return base::pass(std::move(updated));
    co_return base::ok();
}

aio::task<void> user_registry::delete_user(std::string name, shared_principal client) {
    // First, so that no credential of the user creates a key while those that exist are revoked.
    auto disabled = co_await update(name, [](const domain::user& newest) {
        auto changed = newest;
        changed.state = domain::user_state::disabled;
        if (newest.state != changed.state) ++changed.session_epoch;
        return base::outcome<domain::user>(std::move(changed));
    });
    if (!disabled) co_return base::pass(std::move(disabled));
    for (const auto& step : deletion_steps_) {
        auto completed = co_await step(name);
        if (!completed) co_return completed;
    }
    auto removed = co_await registry_.remove(name);
    if (!removed) co_return base::pass(std::move(removed), "delete the user");
    deps_.log.info(
        "user_deleted",
        {{"user", name}, {"subject", client->subject}, {"credential", client->credential}});
    co_return base::ok();
}

aio::task<void> user_registry::admit_first_administrator(base::secret password) {
    if (!index_.load()->empty()) co_return base::ok();
    const auto system = std::make_shared<const domain::principal>(
        domain::principal{.subject = "bootstrap", .is_administrator = true});
    auto created =
        co_await create_user({.name = std::string(domain::admin_subject),
                              .role = std::string(domain::name(domain::platform_role::admin)),
                              .password = std::move(password)},
                             system);
    // Another replica may have created it first.
    if (created || created.error().reason == "already_exists") co_return base::ok();
    const auto& failure = created.error();
    if (failure.fields.empty()) co_return base::pass(std::move(created));
    co_return base::fail(failure.code, failure.fields.front().message);
}

}  // namespace app
