#include "app/use_cases.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "app/record_failures.hpp"
#include "base/random_id.hpp"
#include "domain/engines.hpp"
#include "domain/operation_lifecycle.hpp"
#include "domain/quota.hpp"
#include "domain/validate.hpp"

namespace app {
namespace {

using base::errc;
using domain::operation_kind;

base::outcome<void> check_revision(std::int64_t present,
                                   const std::optional<std::vector<std::int64_t>>& seen) {
    if (!seen || std::ranges::find(*seen, present) != seen->end()) return {};
    return base::fail(errc::precondition,
                      fmt::format("revision mismatch: current revision is {}", present),
                      "revision_mismatch");
}

// Returns the failure of a database request that names the project.
std::unexpected<base::failure> unknown_project_field(const std::string& name) {
    auto failure = no_such_project(name).error().in("/project");
    failure.code = errc::invalid;
    failure.fields.push_back(
        {"/project", "not_found", fmt::format("there is no project '{}'; create it first", name)});
    return std::unexpected(std::move(failure));
}

std::unexpected<base::failure> changed_meanwhile() {
    return base::fail(errc::conflict, "the project was changed by another request",
                      "changed_meanwhile");
}

domain::engine_offer offer_of(const ports::catalogue& offer, const std::string& engine) {
    domain::engine_offer result;
    const auto it = offer.engines.find(engine);
    if (it == offer.engines.end()) return result;
    result.installed = true;
    for (const auto& version : it->second) {
        (version.deprecated ? result.deprecated_versions : result.versions).push_back(version.name);
    }
    return result;
}

bool changes_cluster(const domain::database& before, const domain::database& after) noexcept {
    return before.topology != after.topology || before.paused != after.paused;
}

std::optional<domain::operation> newest_operation(const domain::database& record) {
    const auto* active = domain::active_operation(record);
    if (active == nullptr) return std::nullopt;
    return *active;
}

domain::usage difference(const domain::database& after, const domain::database& before) {
    auto more = domain::usage_of(after);
    more -= domain::usage_of(before);
    return more;
}

// A change frees capacity after its write, not before.
domain::usage growth_of(const domain::usage& more) {
    return {.databases = std::max<std::int64_t>(0, more.databases),
            .cpu_millis = std::max<std::int64_t>(0, more.cpu_millis),
            .memory_bytes = std::max<std::int64_t>(0, more.memory_bytes),
            .storage_bytes = std::max<std::int64_t>(0, more.storage_bytes)};
}

}  // namespace

class use_cases::reservation {
  public:
    reservation(use_cases& owner, std::string project, domain::usage usage)
        : owner_(owner), project_(std::move(project)), usage_(usage) {
        owner_.reserved_[project_] += usage_;
        owner_.reserved_in_all_ += usage_;
    }
    ~reservation() {
        owner_.reserved_in_all_ -= usage_;
        auto& left = owner_.reserved_[project_];
        left -= usage_;
        if (left == domain::usage()) owner_.reserved_.erase(project_);
    }
    reservation(const reservation&) = delete;
    reservation& operator=(const reservation&) = delete;

  private:
    use_cases& owner_;
    std::string project_;
    domain::usage usage_;
};

domain::operation use_cases::new_operation(operation_kind kind, const caller& client) const {
    return {.id = base::random_id("op-"),
            .kind = kind,
            .requested_by = client.subject,
            .idempotency_key = client.idempotency_key,
            .request_digest = client.request_digest};
}

accepted use_cases::preview(domain::database record) const {
    auto shared = std::make_shared<const domain::database>(std::move(record));
    auto view = std::make_shared<const database_view>(
        database_view{.record = shared,
                      .status = {.phase = domain::status_phase::provisioning,
                                 .reason = "dry_run",
                                 .message = "nothing was written",
                                 .since = deps_.clock.utc_now()}});
    return {.database = std::move(view)};
}

base::outcome<void> use_cases::check_capacity(const std::string& project,
                                              const domain::usage& more) const {
    const auto owner = deps_.cache.project(project);
    if (owner) {
        auto used = deps_.cache.usage_of_project(project);
        if (const auto it = reserved_.find(project); it != reserved_.end()) used += it->second;
        auto fits = domain::check_limits(domain::limits_of(*owner), used, more,
                                         fmt::format("project '{}'", project), "quota_exceeded");
        if (!fits) return fits;
    }
    const auto& offer = deps_.cache.catalogue();
    if (!offer) return {};
    auto used = deps_.cache.usage_of_all();
    used += reserved_in_all_;
    const domain::usage capacity{.cpu_millis = offer->capacity_cpu_millis,
                                 .memory_bytes = offer->capacity_memory_bytes,
                                 .storage_bytes = offer->capacity_storage_bytes};
    return domain::check_limits(capacity, used, more, "the cluster", "capacity_exceeded");
}

aio::task<accepted> use_cases::create_database(domain::create_request wanted,
                                               write_conditions conditions, caller client) {
    const auto offer = deps_.cache.catalogue();
    if (!offer) {
        co_return base::fail(errc::unavailable,
                             "the cluster's catalogue of engines has not been read yet",
                             "cluster_not_synced");
    }
    auto valid = domain::validate_create(wanted, offer_of(*offer, wanted.engine.value_or("")));
    if (!valid) co_return base::pass(std::move(valid));
    auto record = std::move(*valid);
    if (!deps_.cache.project(record.project) || leaving_projects_.contains(record.project)) {
        co_return unknown_project_field(record.project);
    }
    if (deps_.cache.find(key_of(record)) != nullptr) {
        co_return database_exists(record.project, record.name);
    }
    const auto usage = domain::usage_of(record);
    auto capacity = check_capacity(record.project, usage);
    if (!capacity) co_return base::pass(std::move(capacity));
    record.id = base::random_id("db-");
    if (conditions.dry_run) co_return preview(std::move(record));

    const auto operation = new_operation(operation_kind::create, client);
    domain::begin_operation(record, operation, deps_.clock.utc_now());
    const reservation claim(*this, record.project, usage);
    auto created = co_await deps_.records.create(std::move(record));
    if (!created) co_return base::pass(std::move(created));
    const auto& stored = **created;
    deps_.log.info("database_create_accepted", {{"database_id", stored.id},
                                                {"project", stored.project},
                                                {"name", stored.name},
                                                {"engine", stored.engine},
                                                {"operation_id", operation.id},
                                                {"subject", client.subject},
                                                {"request_id", client.request_id}});
    const auto* database = deps_.cache.find(stored.id);
    if (database == nullptr) co_return base::fail(errc::internal, "the new database vanished");
    co_return accepted{.database = database->view, .operation = newest_operation(stored)};
}

// Makes one revision-checked change of the record and its log line. Returns the response.
aio::task<accepted> use_cases::change(std::string id, record_change edit,
                                      write_conditions conditions, caller client,
                                      std::string event) {
    auto* database = deps_.cache.find(id);
    if (database == nullptr) {
        co_return no_such_database(id);
    }
    const auto before = database->record;
    if (conditions.dry_run) {
        auto checked = check_revision(before->revision, conditions.if_match);
        if (!checked) co_return base::pass(std::move(checked));
        auto next = edit(*before);
        if (!next) co_return base::pass(std::move(next));
        co_return preview(std::move(*next));
    }
    auto written = co_await deps_.records.update(
        id,
        [&edit, &conditions](const domain::database& newest) -> base::outcome<domain::database> {
            auto checked = check_revision(newest.revision, conditions.if_match);
            if (!checked) return base::pass(std::move(checked));
            return edit(newest);
        },
        record_origin::command);
    if (!written) co_return base::pass(std::move(written));
    database = deps_.cache.find(id);
    if (database == nullptr) {
        co_return no_such_database(id);
    }
    const auto operation = newest_operation(**written);
    deps_.log.info(event, {{"database_id", id},
                           {"operation_id", operation ? operation->id : std::string()},
                           {"revision", (*written)->revision},
                           {"subject", client.subject},
                           {"request_id", client.request_id}});
    co_return accepted{.database = database->view, .operation = operation};
}

aio::task<accepted> use_cases::patch_database(std::string id, domain::patch_request wanted,
                                              write_conditions conditions, caller client) {
    const auto* database = deps_.cache.find(id);
    if (database == nullptr) {
        co_return no_such_database(id);
    }
    std::string operation_id;
    std::optional<reservation> claim;
    const auto edit = [this, wanted, client, &operation_id,
                       &claim](const domain::database& newest) -> base::outcome<domain::database> {
        claim.reset();  // releases that of an attempt that lost to another writer
        auto next = domain::validate_patch(newest, wanted);
        if (!next) return base::pass(std::move(next));
        if (!changes_cluster(newest, *next)) return std::move(*next);
        const auto more = difference(*next, newest);
        auto capacity = check_capacity(newest.project, more);
        if (!capacity) return base::pass(std::move(capacity));
        claim.emplace(*this, newest.project, growth_of(more));
        const auto kind = newest.paused == next->paused ? operation_kind::update
                          : next->paused                ? operation_kind::pause
                                                        : operation_kind::resume;
        auto operation = new_operation(kind, client);
        operation_id = operation.id;
        domain::begin_operation(*next, std::move(operation), deps_.clock.utc_now());
        return std::move(*next);
    };
    auto changed = co_await change(std::move(id), edit, conditions, std::move(client),
                                   "database_change_accepted");
    if (!changed) co_return base::pass(std::move(changed));
    // An operation that ran before this patch does not belong to it.
    if (changed->operation && changed->operation->id != operation_id) changed->operation.reset();
    co_return changed;
}

aio::task<accepted> use_cases::delete_database(std::string id, write_conditions conditions,
                                               caller client) {
    const auto edit = [this,
                       client](const domain::database& newest) -> base::outcome<domain::database> {
        if (newest.deleted) return newest;  // already deleted: the same response
        if (newest.deletion_protection) {
            return base::fail(errc::conflict,
                              "the database is protected; patch deletion_protection to false first",
                              "deletion_protected");
        }
        auto next = newest;
        next.deleted = true;
        domain::begin_operation(next, new_operation(operation_kind::delete_database, client),
                                deps_.clock.utc_now());
        return next;
    };
    co_return co_await change(std::move(id), edit, conditions, std::move(client),
                              "database_deletion_accepted");
}

aio::task<accepted> use_cases::recreate_database(std::string id, write_conditions conditions,
                                                 caller client) {
    const auto edit = [this, client,
                       id](const domain::database& newest) -> base::outcome<domain::database> {
        const auto* database = deps_.cache.find(id);
        const auto observed = database == nullptr ? nullptr : deps_.cache.observed_of(*database);
        if (newest.deleted) {
            return base::fail(errc::conflict, "the database is being deleted", "being_deleted");
        }
        if (!observed) {
            return base::fail(errc::unavailable, "the cluster's state has not been read yet",
                              "cluster_not_synced");
        }
        const bool is_there = !newest.object_uid.empty() && domain::is_ours(newest, *observed);
        if (is_there || domain::active_operation(newest) != nullptr) {
            return base::fail(errc::conflict,
                              "only a database whose object is missing can be recreated",
                              "object_not_missing");
        }
        auto next = newest;
        next.object_uid.clear();
        next.was_ready = false;
        domain::begin_operation(next, new_operation(operation_kind::recreate, client),
                                deps_.clock.utc_now());
        return next;
    };
    co_return co_await change(id, edit, conditions, std::move(client),
                              "database_recreation_accepted");
}

aio::task<std::shared_ptr<const domain::project>> use_cases::create_project(
    domain::project_request wanted, write_conditions conditions, caller client) {
    auto valid = domain::validate_project(nullptr, wanted);
    if (!valid) co_return base::pass(std::move(valid));
    if (deps_.cache.project(valid->name)) {
        co_return project_exists(valid->name);
    }
    if (conditions.dry_run) {
        co_return std::make_shared<const domain::project>(std::move(*valid));
    }
    // The members of a deleted project of this name, whose own deletion failed.
    auto forgotten = co_await deps_.members.forget_project(valid->name);
    if (!forgotten) co_return base::pass(std::move(forgotten));
    auto created = co_await deps_.records.put_project(std::move(*valid));
    if (!created) co_return base::pass(std::move(created));
    deps_.log.info("project_created", {{"project", (*created)->name},
                                       {"subject", client.subject},
                                       {"request_id", client.request_id}});
    co_return created;
}

aio::task<std::shared_ptr<const domain::project>> use_cases::patch_project(
    std::string name, domain::project_request wanted, write_conditions conditions, caller client) {
    const auto present = deps_.cache.project(name);
    if (!present) co_return no_such_project(name);
    bool is_changed = false;
    const auto change = [&wanted, &conditions, &is_changed](
                            const domain::project& newest) -> base::outcome<domain::project> {
        auto checked = check_revision(newest.revision, conditions.if_match);
        if (!checked) return base::pass(std::move(checked));
        auto next = domain::validate_project(&newest, wanted);
        is_changed = next && *next != newest;
        return next;
    };
    if (conditions.dry_run) {
        auto next = change(*present);
        if (!next) co_return base::pass(std::move(next));
        co_return std::make_shared<const domain::project>(std::move(*next));
    }
    auto written = co_await deps_.records.update_project(name, change);
    if (!written) co_return base::pass(std::move(written));
    if (!is_changed) co_return written;
    deps_.log.info(
        "project_changed",
        {{"project", name}, {"subject", client.subject}, {"request_id", client.request_id}});
    co_return written;
}

aio::task<> use_cases::delete_project(std::string name, write_conditions conditions,
                                      caller client) {
    const auto present = deps_.cache.project(name);
    if (!present) co_return no_such_project(name);
    auto checked = check_revision(present->revision, conditions.if_match);
    if (!checked) co_return base::pass(std::move(checked));
    if (deps_.cache.usage_of_project(name).databases > 0 || reserved_.contains(name)) {
        co_return base::fail(errc::conflict, fmt::format("project '{}' still has databases", name),
                             "not_empty");
    }
    if (conditions.dry_run) co_return base::ok();
    leaving_projects_.insert(name);
    auto removed = co_await deps_.records.delete_project(name);
    leaving_projects_.erase(name);
    if (!removed && removed.error().code == errc::precondition) co_return changed_meanwhile();
    if (!removed) co_return base::pass(std::move(removed));
    auto forgotten = co_await deps_.members.forget_project(name);
    if (!forgotten) {
        deps_.log.warning("members_not_deleted",
                          {{"project", name}, {"detail", forgotten.error().text}});
    }
    deps_.log.info(
        "project_removed",
        {{"project", name}, {"subject", client.subject}, {"request_id", client.request_id}});
    co_return base::ok();
}

}  // namespace app
