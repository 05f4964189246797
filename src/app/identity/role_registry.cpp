#include "app/identity/role_registry.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "app/identity/role_json.hpp"
#include "app/record_failures.hpp"

namespace app {
namespace {

using base::errc;

std::unexpected<base::failure> no_such_role(std::string_view name) {
    return base::fail(errc::not_found, fmt::format("there is no custom role '{}'", name));
}

std::unexpected<base::failure> in_use(std::string_view name) {
    return base::fail(
        errc::conflict,
        fmt::format("members of projects have the role '{}'; grant them another role first", name),
        "in_use");
}

ports::document document_of(const domain::custom_role& record) {
    return {.id = record.name, .body = encode(record)};
}

}  // namespace

role_registry::role_registry(deps deps)
    : deps_(deps),
      registry_(
          deps.store,
          {.collection = "roles",
           .encode = document_of,
           .decode = [this](const ports::document& document) -> base::outcome<domain::custom_role> {
               return record_of(document);
           }}) {
    index_.store(std::make_shared<const role_index>());
    registry_.on_change([this](const std::vector<std::string>& names) { publish(names); });
}

domain::custom_role role_registry::record_of(const ports::document& document) const {
    auto record = decode_role(document.body);
    if (record && record->name == document.id) return std::move(*record);
    deps_.log.error("role_not_readable",
                    {{"role", document.id}, {"effect", "the role has no permissions"}});
    return {.name = document.id, .description = "cannot be read; replace or delete it"};
}

void role_registry::publish(const std::vector<std::string>& names) {
    auto next = std::make_shared<role_index>(*index_.load());
    registry_.copy_to(*next, names);
    index_.store(std::move(next));
    for (const auto& name : names) observer_(name);
}

std::optional<domain::permission_set> role_registry::permissions_of(std::string_view name) const {
    if (const auto built_in = domain::find_role(name)) return domain::permissions_of(*built_in);
    const auto index = index_.load();
    const auto entry = index->find(name);
    if (entry == index->end()) return std::nullopt;
    return entry->second->permissions;
}

aio::task<> role_registry::check_unused(std::string name) {
    auto read = co_await holders_.refresh();
    if (!read) co_return base::pass(std::move(read), "read the holders of the role");
    if (holders_.have(name)) co_return in_use(name);
    co_return base::ok();
}

// A grant writes its record, then reads the role. A creation and a deletion write the role, then
// read the holders. Therefore, one of two concurrent requests sees the other on any replica.
aio::task<shared_role> role_registry::create_role(domain::role_request wanted,
                                                  shared_principal client) {
    auto record = domain::validate(wanted, *client, deps_.clock.utc_now());
    if (!record) co_return base::pass(std::move(record));
    const auto name = record->name;
    const auto exists = [&] {
        return base::fail(errc::conflict, fmt::format("there is a role '{}' already", name),
                          "already_exists");
    };
    if (registry_.find(name)) co_return exists();
    // The holders of a deleted role must not get the permissions of another role of the name.
    auto checked = co_await check_unused(name);
    if (!checked) co_return base::pass(std::move(checked));
    auto stored = co_await registry_.put(
        name, [&](const domain::custom_role* newest) -> base::outcome<domain::custom_role> {
            if (newest != nullptr) return exists();
            if (registry_.records().size() < roles_max) return *record;
            return base::fail(
                errc::limit,
                fmt::format("there are {} custom roles already, which is the maximum", roles_max),
                "too_many");
        });
    if (!stored) co_return base::pass(std::move(stored));
    checked = co_await check_unused(name);
    if (!checked) {
        const auto created = stored->record;
        auto undone = co_await registry_.remove_if(
            name, [&](const domain::custom_role& newest) { return newest == *created; });
        if (!undone) co_return base::pass(std::move(undone), "delete the new role");
        co_return base::pass(std::move(checked));
    }
    deps_.log.info(
        "role_created",
        {{"role", name}, {"subject", client->subject}, {"credential", client->credential}});
    co_return std::move(stored->record);
}

aio::task<shared_role> role_registry::replace_role(std::string name, domain::role_request wanted,
                                                   seen_versions allowed, shared_principal client) {
    if (!wanted.name) wanted.name = name;
    if (*wanted.name != name) {
        base::failure failure{.code = errc::invalid, .text = "the name of a role is immutable"};
        failure.fields.push_back({"/name", "immutable", "must be the name in the path"});
        co_return std::unexpected(std::move(failure));
    }
    auto record = domain::validate(wanted, *client, deps_.clock.utc_now());
    if (!record) co_return base::pass(std::move(record));
    auto stored = co_await registry_.put(
        name, [&](const domain::custom_role* newest) -> base::outcome<domain::custom_role> {
            if (newest == nullptr) return no_such_role(name);
            if (!has_seen(allowed, newest->revision, newest->created_at)) {
                return version_mismatch(newest->revision, allowed);
            }
            auto result = *newest;
            if (result.description == record->description &&
                result.permissions == record->permissions) {
                return result;
            }
            result.description = record->description;
            result.permissions = record->permissions;
            result.updated_at = record->updated_at;
            return result;
        });
    if (!stored) co_return base::pass(std::move(stored));
    deps_.log.info(
        "role_changed",
        {{"role", name}, {"subject", client->subject}, {"credential", client->credential}});
    co_return std::move(stored->record);
}

aio::task<void> role_registry::delete_role(std::string name, shared_principal client) {
    if (!registry_.find(name)) co_return no_such_role(name);
    auto checked = co_await check_unused(name);
    if (!checked) co_return checked;
    std::optional<domain::custom_role> present;
    auto removed = co_await registry_.remove_if(name, [&](const domain::custom_role& newest) {
        present = newest;
        return true;
    });
    if (!removed) co_return base::pass(std::move(removed), "delete the role");
    if (!present) co_return no_such_role(name);
    checked = co_await check_unused(name);
    if (!checked && checked.error().code == errc::conflict) {  // granted in the meantime
        auto restored = co_await registry_.put(
            name, [&](const domain::custom_role* newest) -> base::outcome<domain::custom_role> {
                if (newest != nullptr) return *newest;
                auto record = *present;
                // Its revisions begin again, and so must its incarnation.
                record.created_at = deps_.clock.utc_now();
                return record;
            });
        if (!restored) co_return base::pass(std::move(restored), "restore the role");
    }
    if (!checked) co_return checked;
    deps_.log.info(
        "role_deleted",
        {{"role", name}, {"subject", client->subject}, {"credential", client->credential}});
    co_return base::ok();
}

}  // namespace app
