#include "app/use_cases.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "app/idempotency_keys.hpp"
#include "app/record_failures.hpp"
#include "base/random_id.hpp"
#include "domain/engines.hpp"
#include "domain/operation_lifecycle.hpp"
#include "domain/quota.hpp"
#include "domain/scheduled_pause.hpp"
#include "domain/validate.hpp"

namespace app {
namespace {

using base::errc;
using domain::operation_kind;

base::outcome<void> check_revision(std::int64_t present, const seen_versions& seen) {
    if (has_seen(seen, present)) return {};
    return version_mismatch(present, seen);
}

base::outcome<void> check_version(const domain::project& present, const seen_versions& seen) {
    if (has_seen(seen, present.revision, present.created_at)) return {};
    return version_mismatch(present.revision, seen);
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

bool is_within(const domain::usage& part, const domain::usage& whole) noexcept {
    return part.databases <= whole.databases && part.cpu_millis <= whole.cpu_millis &&
           part.memory_bytes <= whole.memory_bytes && part.storage_bytes <= whole.storage_bytes;
}

// A change frees capacity after its write, not before.
domain::usage growth_of(const domain::usage& more) {
    return {.databases = std::max<std::int64_t>(0, more.databases),
            .cpu_millis = std::max<std::int64_t>(0, more.cpu_millis),
            .memory_bytes = std::max<std::int64_t>(0, more.memory_bytes),
            .storage_bytes = std::max<std::int64_t>(0, more.storage_bytes)};
}

}  // namespace

domain::operation use_cases::new_operation(operation_kind kind, const caller& client) const {
    return {.id = base::random_id("op-"),
            .kind = kind,
            .requested_by = client.subject,
            .idempotency_key = client.idempotency_key,
            .request_digest = client.request_digest,
            .traceparent = client.trace.is_sampled ? obs::to_traceparent(client.trace) : ""};
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

aio::task<> use_cases::finish(const usage_claim& claim, const base::failure* failure) {
    const bool is_written = failure == nullptr || is_effect_unknown(*failure);
    auto finished = co_await deps_.usage.finish(claim.operation, is_written);
    if (!finished) {  // every replica drops the claim later
        deps_.log.warning("usage_claim_not_ended",
                          {{"operation_id", claim.operation}, {"detail", finished.error().text}});
    }
    co_return base::ok();
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
    if (!deps_.cache.project(record.project)) co_return unknown_project_field(record.project);
    if (deps_.cache.find(key_of(record)) != nullptr) {
        co_return database_exists(record.project, record.name);
    }
    const auto usage = domain::usage_of(record);
    record.id = base::random_id("db-");
    domain::note_schedule_change({}, record, deps_.clock.utc_now());
    const auto operation = new_operation(operation_kind::create, client);
    const usage_claim claim{.operation = operation.id,
                            .database = record.id,
                            .project = record.project,
                            .growth = usage};
    auto capacity = conditions.dry_run ? deps_.usage.check(claim, usage)
                                       : co_await deps_.usage.reserve(claim, usage);
    if (!capacity && capacity.error().code == errc::not_found) {
        co_return unknown_project_field(record.project);
    }
    if (!capacity) co_return base::pass(std::move(capacity));
    if (conditions.dry_run) co_return preview(std::move(record));

    domain::begin_operation(record, operation, deps_.clock.utc_now());
    auto created = co_await deps_.records.create(std::move(record));
    co_await finish(claim, created ? nullptr : &created.error());
    if (!created) co_return base::pass(std::move(created));
    const auto& stored = **created;
    const obs::trace_field trace(client.trace);
    deps_.log.info("database_create_accepted", {{"database_id", stored.id},
                                                {"project", stored.project},
                                                {"name", stored.name},
                                                {"engine", stored.engine},
                                                {"operation_id", operation.id},
                                                {"subject", client.subject},
                                                {"request_id", client.request_id},
                                                trace.value()});
    const auto* database = deps_.cache.find(stored.id);
    if (database == nullptr) co_return base::fail(errc::internal, "the new database vanished");
    co_return accepted{.database = database->view, .operation = newest_operation(stored)};
}

// A request whose key another replica has taken over must not have a second effect.
base::outcome<void> use_cases::check_key(const domain::database& newest,
                                         const caller& client) const {
    if (client.idempotency_key.empty()) return {};
    const auto now = deps_.clock.utc_now();
    const bool is_used = std::ranges::any_of(newest.operations, [&](const auto& operation) {
        return operation.idempotency_key == client.idempotency_key &&
               now - operation.created_at <= idempotency_kept_for;
    });
    if (!is_used) return {};
    auto result =
        base::fail(errc::conflict, "a request with this Idempotency-Key was accepted already",
                   "idempotency_key_in_use");
    result.error().retry_after = std::chrono::seconds(1);
    return result;
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
        [this, &edit, &conditions,
         &client](const domain::database& newest) -> base::outcome<domain::database> {
            auto checked = check_revision(newest.revision, conditions.if_match);
            if (checked) checked = check_key(newest, client);
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
    const obs::trace_field trace(client.trace);
    deps_.log.info(event, {{"database_id", id},
                           {"operation_id", operation ? operation->id : std::string()},
                           {"revision", (*written)->revision},
                           {"subject", client.subject},
                           {"request_id", client.request_id},
                           trace.value()});
    co_return accepted{.database = database->view, .operation = operation};
}

aio::task<bool> use_cases::reserve_growth(const domain::patch_request& wanted,
                                          const write_conditions& conditions, const std::string& id,
                                          usage_claim& claim) {
    const auto* database = deps_.cache.find(id);
    if (database == nullptr || conditions.dry_run || !deps_.usage.is_shared()) co_return false;
    const auto& present = *database->record;
    const auto next = domain::validate_patch(present, wanted);
    // change() reports these errors.
    if (!next || !check_revision(present.revision, conditions.if_match)) co_return false;
    const auto more = difference(*next, present);
    claim.growth = growth_of(more);
    if (claim.growth == domain::usage{}) co_return false;
    auto reserved = co_await deps_.usage.reserve(claim, more);
    if (!reserved) co_return base::pass(std::move(reserved));
    co_return true;
}

aio::task<accepted> use_cases::patch_once(std::string id, const domain::patch_request& wanted,
                                          write_conditions conditions, caller client,
                                          usage_claim& claim, bool& is_outgrown) {
    auto operation = new_operation(operation_kind::update, client);
    const auto operation_id = operation.id;
    claim.operation = operation_id;
    auto reserved = co_await reserve_growth(wanted, conditions, id, claim);
    if (!reserved) co_return base::pass(std::move(reserved));
    bool is_reserved = *reserved;
    const auto edit = [&](const domain::database& newest) -> base::outcome<domain::database> {
        auto next = domain::validate_patch(newest, wanted);
        if (!next) return base::pass(std::move(next));
        domain::note_schedule_change(newest, *next, deps_.clock.utc_now());
        if (!changes_cluster(newest, *next)) return std::move(*next);
        const auto more = difference(*next, newest);
        const auto growth = growth_of(more);
        if (!deps_.usage.is_shared() && !conditions.dry_run) {
            // Replaces the claim of an attempt that lost to another writer.
            deps_.usage.release_in_memory(operation_id);
            claim.growth = growth;
            auto capacity = deps_.usage.reserve_in_memory(claim, more);
            if (!capacity) return base::pass(std::move(capacity));
            is_reserved = true;
        } else if (conditions.dry_run || growth == domain::usage{}) {
            auto capacity = deps_.usage.check(claim, more);
            if (!capacity) return base::pass(std::move(capacity));
        } else if (!is_reserved || !is_within(growth, claim.growth)) {
            is_outgrown = true;  // another replica has written the record since the reservation
            return base::fail(errc::unavailable, "the database changes faster than its usage",
                              "store_not_ready");
        }
        operation.kind = newest.paused == next->paused ? operation_kind::update
                         : next->paused                ? operation_kind::pause
                                                       : operation_kind::resume;
        domain::begin_operation(*next, operation, deps_.clock.utc_now());
        return std::move(*next);
    };
    auto changed = co_await change(std::move(id), edit, conditions, std::move(client),
                                   "database_change_accepted");
    if (is_reserved) co_await finish(claim, changed ? nullptr : &changed.error());
    if (!changed) co_return base::pass(std::move(changed));
    // An operation that ran before this patch does not belong to it.
    if (changed->operation && changed->operation->id != operation_id) changed->operation.reset();
    co_return changed;
}

aio::task<accepted> use_cases::patch_database(std::string id, domain::patch_request wanted,
                                              write_conditions conditions, caller client) {
    constexpr int rounds_max = 8;
    for (int round = 1;; ++round) {
        const auto* database = deps_.cache.find(id);
        if (database == nullptr) {
            co_return no_such_database(id);
        }
        usage_claim claim{
            .operation = {}, .database = id, .project = database->record->project, .growth = {}};
        bool is_outgrown = false;
        auto patched = co_await patch_once(id, wanted, conditions, client, claim, is_outgrown);
        if (!is_outgrown || round == rounds_max) co_return patched;
    }
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
    auto created = co_await deps_.records.put_project(std::move(*valid), client.trace);
    if (!created) co_return base::pass(std::move(created));
    auto reopened = co_await deps_.usage.reopen((*created)->name);
    if (!reopened) {  // creates of databases are rejected until the claim of the deletion ends
        deps_.log.warning("usage_claim_not_ended",
                          {{"project", (*created)->name}, {"detail", reopened.error().text}});
    }
    deps_.log.info("project_created", {{"project", (*created)->name},
                                       {"subject", client.subject},
                                       {"request_id", client.request_id},
                                       obs::trace_field(client.trace).value()});
    co_return created;
}

aio::task<std::shared_ptr<const domain::project>> use_cases::patch_project(
    std::string name, domain::project_request wanted, write_conditions conditions, caller client) {
    const auto present = deps_.cache.project(name);
    if (!present) co_return no_such_project(name);
    bool is_changed = false;
    const auto change = [&wanted, &conditions, &is_changed](
                            const domain::project& newest) -> base::outcome<domain::project> {
        auto checked = check_version(newest, conditions.if_match);
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
    auto written = co_await deps_.records.update_project(name, change, client.trace);
    if (!written) co_return base::pass(std::move(written));
    if (!is_changed) co_return written;
    deps_.log.info("project_changed", {{"project", name},
                                       {"subject", client.subject},
                                       {"request_id", client.request_id},
                                       obs::trace_field(client.trace).value()});
    co_return written;
}

aio::task<> use_cases::delete_project(std::string name, write_conditions conditions,
                                      caller client) {
    const auto present = deps_.cache.project(name);
    if (!present) co_return no_such_project(name);
    const auto check = [&conditions](const domain::project& newest) {
        return check_version(newest, conditions.if_match);
    };
    auto checked = check(*present);
    if (!checked) co_return base::pass(std::move(checked));
    const usage_claim claim{
        .operation = base::random_id("op-"), .database = {}, .project = name, .growth = {}};
    if (conditions.dry_run) co_return deps_.usage.check(claim, {});
    auto reserved = co_await deps_.usage.reserve(claim, {});
    if (!reserved) co_return base::pass(std::move(reserved));
    auto removed = co_await deps_.records.delete_project(name, check, client.trace);
    co_await finish(claim, removed ? nullptr : &removed.error());
    const bool has_moved = !removed && removed.error().code == errc::precondition &&
                           removed.error().reason != "revision_mismatch";
    if (has_moved) co_return changed_meanwhile();
    if (!removed) co_return base::pass(std::move(removed));
    auto forgotten = co_await deps_.members.forget_project(name);
    if (!forgotten) {
        deps_.log.warning("members_not_deleted",
                          {{"project", name}, {"detail", forgotten.error().text}});
    }
    deps_.log.info("project_removed", {{"project", name},
                                       {"subject", client.subject},
                                       {"request_id", client.request_id},
                                       obs::trace_field(client.trace).value()});
    co_return base::ok();
}

}  // namespace app
