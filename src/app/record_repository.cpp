#include "app/record_repository.hpp"

#include <fmt/format.h>

#include <utility>

#include "app/document_walk.hpp"
#include "app/operation_trace.hpp"
#include "app/record_failures.hpp"
#include "app/record_json.hpp"
#include "app/store_failure.hpp"

namespace app {
namespace {

using base::errc;

// Writers of this process queue, so a round is lost only to another process.
constexpr int rounds_max = 16;

const std::string databases = "databases";
const std::string projects = "projects";
const std::string operations = "operations";

ports::document document_of(const domain::database& record) {
    return {.id = record.id,
            .body = encode(record),
            .index = {{"project", record.project}},
            .unique = {{"name", fmt::format("{}/{}", record.project, record.name)}}};
}

bool is_own_write(record_origin origin) noexcept {
    return origin == record_origin::command || origin == record_origin::reconciler;
}

// Returns whether the read shows what has become of the record: stored, deleted, or damaged. A
// damaged record must not delay the writes of others until it is repaired.
bool shows_record(const base::outcome<ports::document>& read) {
    return read || read.error().code == errc::not_found || read.error().code == errc::corrupt;
}

}  // namespace

const std::string& collection_of(record_kind kind) noexcept {
    switch (kind) {
        case record_kind::project:
            return projects;
        case record_kind::operation:
            return operations;
        case record_kind::database:
            break;
    }
    return databases;
}

void record_repository::announce(record_kind kind, const std::string& id, ports::revision revision,
                                 record_origin origin) const {
    const auto& observer = observers_[std::size_t(kind)];
    if (observer && is_own_write(origin)) observer(id, revision);
}

std::string record_repository::write_id(record_kind kind, const std::string& id) const {
    const auto& ids = write_ids_[std::size_t(kind)];
    const auto it = ids.find(id);
    return it == ids.end() ? std::string() : it->second;
}

bool record_repository::is_known(record_kind kind, ports::revision revision,
                                 const ports::document& document) const {
    return ports::may_be_same({.revision = revision, .write_id = write_id(kind, document.id)},
                              {.revision = document.revision, .write_id = document.write_id});
}

std::shared_ptr<const domain::database> record_repository::put(domain::database record,
                                                               record_origin origin,
                                                               std::string write) {
    auto shared = std::make_shared<const domain::database>(std::move(record));
    if (cache_.put(shared, origin).record == shared) {
        write_ids_[std::size_t(record_kind::database)][shared->id] = std::move(write);
    }
    announce(record_kind::database, shared->id, shared->revision, origin);
    return shared;
}

std::shared_ptr<const domain::project> record_repository::put(domain::project record,
                                                              record_origin origin,
                                                              std::string write) {
    auto shared = std::make_shared<const domain::project>(std::move(record));
    cache_.put_project(shared);
    if (cache_.project(shared->name) == shared) {
        write_ids_[std::size_t(record_kind::project)][shared->name] = std::move(write);
    }
    announce(record_kind::project, shared->name, shared->revision, origin);
    return shared;
}

void record_repository::put(domain::operation record, record_origin origin) {
    const auto shared = std::make_shared<const domain::operation>(std::move(record));
    cache_.put_archived(shared);
    announce(record_kind::operation, shared->id, archived_revision, origin);
}

base::outcome<void> record_repository::put(record_kind kind, const ports::document& document,
                                           record_origin origin) {
    switch (kind) {
        case record_kind::project: {
            auto record = decode_project(document.body);
            if (!record) return base::pass(std::move(record));
            record->revision = document.revision;
            put(std::move(*record), origin, document.write_id);
            break;
        }
        case record_kind::operation: {
            auto record = decode_operation(document.body);
            if (!record) return base::pass(std::move(record));
            put(std::move(*record), origin);
            break;
        }
        case record_kind::database: {
            auto record = decode_database(document.body);
            if (!record) return base::pass(std::move(record));
            record->revision = document.revision;
            put(std::move(*record), origin, document.write_id);
            break;
        }
    }
    return base::ok();
}

void record_repository::erase(record_kind kind, const std::string& id, record_origin origin) {
    write_ids_[std::size_t(kind)].erase(id);
    switch (kind) {
        case record_kind::project:
            cache_.erase_project(id);
            break;
        case record_kind::operation:
            cache_.erase_archived(id);
            break;
        case record_kind::database:
            cache_.erase(id);
            break;
    }
    announce(kind, id, 0, origin);
}

aio::task<> record_repository::load_collection(record_kind kind) {
    const auto& collection = collection_of(kind);
    return visit_documents(
        store_, collection,
        [this, kind, &collection](const ports::document& document) -> base::outcome<void> {
            auto loaded = put(kind, document, record_origin::start);
            if (!loaded) return base::pass(std::move(loaded), collection + "/" + document.id);
            return base::ok();
        });
}

aio::task<> record_repository::load() {
    for (const auto kind : {record_kind::project, record_kind::operation, record_kind::database}) {
        auto loaded = co_await load_collection(kind);
        if (!loaded) co_return loaded;
    }
    co_return base::ok();
}

// Bounds the unconfirmed writes: a client may repeat a create while the store is unavailable.
base::outcome<void> record_repository::check_ready() const {
    const bool is_full =
        unconfirmed_creations_.size() + unconfirmed_projects_.size() >= unconfirmed_max;
    if (store_.is_connected() && !is_full) return {};
    return base::fail(errc::unavailable,
                      is_full ? "too many writes are unconfirmed" : "the store is not connected",
                      "store_not_ready");
}

aio::task<ports::revision> record_repository::store_database(const domain::database* before,
                                                             const domain::database& after,
                                                             record_origin origin,
                                                             std::string write) {
    obs::active_span span(tracer_, clock_, parent_of_write(before, after, origin),
                          {.kind = obs::span_kind::client, .name = "put", .object = databases});
    span.add("db.operation.name", "put");
    span.add("db.collection.name", databases);
    auto stored =
        co_await store_.put({.collection = databases,
                             .content = document_of(after),
                             .expected = before == nullptr ? 0 : before->revision,
                             .expected_write_id = write_id(record_kind::database, after.id),
                             .write_id = std::move(write)});
    if (!stored) span.fail(base::name(stored.error().code));
    co_return stored;
}

aio::task<std::shared_ptr<const domain::database>> record_repository::create(
    domain::database record) {
    auto ready = check_ready();
    if (!ready) co_return base::pass(std::move(ready));
    const auto turn = co_await queue_.enter(databases + "/" + record.id);
    if (!turn) co_return std::unexpected(turn.error());
    record.created_at = clock_.utc_now();
    record.updated_at = record.created_at;
    auto write = ports::new_write_id();
    auto stored = co_await store_database(nullptr, record, record_origin::command, write);
    if (!stored) {
        if (stored.error().cause == ports::store_cause::not_unique) {
            co_return database_exists(record.project, record.name);
        }
        if (is_effect_unknown(stored.error())) unconfirmed_creations_.insert(record.id);
        co_return pass_store(std::move(stored), "store the new database");
    }
    record.revision = *stored;
    co_return put(std::move(record), record_origin::command, std::move(write));
}

// The caller must hold the turn of the record.
aio::task<> record_repository::reload(std::string id) {
    auto document = co_await store_.get(databases, id);
    const bool is_final = shows_record(document);
    if (is_final) unconfirmed_records_.erase(id);
    const bool was_unconfirmed = is_final && unconfirmed_creations_.erase(id) > 0;
    if (!document && document.error().code != errc::not_found) {
        co_return pass_store(std::move(document), "read the record again");
    }
    if (!document) {
        // Deleted by another process or by a write whose response was lost.
        erase(record_kind::database, id, record_origin::feed);
        co_return base::ok();
    }
    const auto* entry = cache_.find(id);
    if (entry != nullptr && document->revision < entry->record->revision) {
        log_.warning("stored_record_is_older", {{"database_id", id},
                                                {"revision", document->revision},
                                                {"known_revision", entry->record->revision}});
    }
    if (entry == nullptr || !is_known(record_kind::database, entry->record->revision, *document)) {
        auto adopted = put(record_kind::database, *document, record_origin::feed);
        if (!adopted) co_return base::pass(std::move(adopted), id);
    }
    if (was_unconfirmed) log_.warning("unconfirmed_create_resolved", {{"database_id", id}});
    co_return base::ok();
}

aio::task<std::shared_ptr<const domain::database>> record_repository::update(std::string id,
                                                                             record_change change,
                                                                             record_origin origin) {
    const auto turn = co_await queue_.enter(databases + "/" + id);
    if (!turn) co_return std::unexpected(turn.error());
    bool is_read = false;  // from the store, by this call
    for (int round = 0; round < rounds_max; ++round) {
        auto* entry = cache_.find(id);
        if (entry != nullptr && unconfirmed_records_.contains(id)) {
            auto reloaded = co_await reload(id);
            if (!reloaded) co_return base::pass(std::move(reloaded));
            is_read = true;
            entry = cache_.find(id);
        }
        if (entry == nullptr) {
            co_return no_such_database(id);
        }
        const auto present = entry->record;
        auto wanted = change(*present);
        if (!wanted) co_return base::pass(std::move(wanted));
        if (*wanted == *present) {
            // Another process may have written what a client wants to replace.
            if (is_read || origin != record_origin::command) co_return present;
            unconfirmed_records_.insert(id);
            continue;
        }
        wanted->updated_at = clock_.utc_now();
        auto write = ports::new_write_id();
        auto stored = co_await store_database(present.get(), *wanted, origin, write);
        entry = cache_.find(id);
        if (stored) {
            const auto ended = ended_operations(*present, *wanted);
            report_ended(tracer_, ended);
            for (const auto* const operation : ended) {
                if (on_operation_ended_) on_operation_ended_(*operation);
            }
            wanted->revision = *stored;
            co_return put(std::move(*wanted), origin, std::move(write));
        }
        if (stored.error().code != errc::precondition) {
            if (entry != nullptr && is_effect_unknown(stored.error()))
                unconfirmed_records_.insert(id);
            co_return pass_store(std::move(stored), "store the database");
        }
        if (entry != nullptr && entry->record->revision == present->revision) {
            unconfirmed_records_.insert(id);  // another process has written the record
        }
    }
    co_return base::fail(errc::unavailable, "the record changes faster than it can be written");
}

aio::task<> record_repository::forget(std::string id) {
    const auto turn = co_await queue_.enter(databases + "/" + id);
    if (!turn) co_return std::unexpected(turn.error());
    auto* entry = cache_.find(id);
    if (entry == nullptr) co_return base::ok();
    const auto record = entry->record;
    for (const auto& operation : record->operations) {
        auto stored =
            co_await store_.put({.collection = operations,
                                 .content = {.id = operation.id,
                                             .body = encode(operation),
                                             .index = {{"database", operation.database_id}}},
                                 .expected = 0});
        const bool is_there = !stored && stored.error().code == errc::precondition;
        if (!stored && !is_there) co_return pass_store(std::move(stored), "archive an operation");
        put(operation, record_origin::reconciler);
    }
    auto removed =
        co_await store_.remove({.collection = databases,
                                .id = id,
                                .expected = record->revision,
                                .expected_write_id = write_id(record_kind::database, id)});
    if (!removed) {
        if (cache_.find(id) != nullptr) unconfirmed_records_.insert(id);
        co_return pass_store(std::move(removed), "remove the record");
    }
    erase(record_kind::database, id, record_origin::reconciler);
    co_return base::ok();
}

aio::task<> record_repository::adopt(record_kind kind, std::string id) {
    switch (kind) {
        case record_kind::project:
            return adopt_project(std::move(id));
        case record_kind::operation:
            return adopt_operation(std::move(id));
        case record_kind::database:
            break;
    }
    return adopt_database(std::move(id));
}

aio::task<> record_repository::adopt_database(std::string id) {
    const auto turn = co_await queue_.enter(databases + "/" + id);
    if (!turn) co_return std::unexpected(turn.error());
    co_return co_await reload(std::move(id));
}

aio::task<> record_repository::adopt_project(std::string name) {
    const auto turn = co_await queue_.enter(projects + "/" + name);
    if (!turn) co_return std::unexpected(turn.error());
    co_return co_await reload_project(std::move(name));
}

aio::task<> record_repository::adopt_operation(std::string id) {
    auto stored = co_await store_.get(operations, id);
    if (!stored && stored.error().code == errc::not_found) {
        erase(record_kind::operation, id, record_origin::feed);
        co_return base::ok();
    }
    if (!stored) co_return pass_store(std::move(stored), "read an operation of another process");
    auto adopted = put(record_kind::operation, *stored, record_origin::feed);
    if (!adopted) co_return base::pass(std::move(adopted), id);
    co_return base::ok();
}

aio::task<> record_repository::reload_project(std::string name) {
    auto document = co_await store_.get(projects, name);
    if (shows_record(document)) {
        unconfirmed_projects_.erase(name);
    } else {
        unconfirmed_projects_.insert(name);
    }
    if (!document && document.error().code != errc::not_found) {
        co_return pass_store(std::move(document), "read the project again");
    }
    if (!document) {
        erase(record_kind::project, name, record_origin::feed);
        co_return base::ok();
    }
    const auto present = cache_.project(name);
    // The revision is lower if the project was deleted and created again.
    if (present && document->revision < present->revision) {
        erase(record_kind::project, name, record_origin::feed);
    }
    if (!present || !is_known(record_kind::project, present->revision, *document)) {
        auto adopted = put(record_kind::project, *document, record_origin::feed);
        if (!adopted) co_return base::pass(std::move(adopted), name);
    }
    co_return base::ok();
}

template <class T>
aio::task<T> record_repository::store_project(std::string_view operation, obs::trace_context parent,
                                              aio::task<T> call) {
    obs::active_span span(tracer_, clock_, parent,
                          {.kind = obs::span_kind::client, .name = operation, .object = projects});
    span.add("db.operation.name", operation);
    span.add("db.collection.name", projects);
    auto result = co_await std::move(call);
    if (!result) span.fail(base::name(result.error().code));
    co_return result;
}

aio::task<std::shared_ptr<const domain::project>> record_repository::put_project(
    domain::project record, obs::trace_context parent) {
    const auto turn = co_await queue_.enter(projects + "/" + record.name);
    if (!turn) co_return std::unexpected(turn.error());
    co_return co_await write_project(std::move(record), parent);
}

// The caller must hold the turn of the project.
aio::task<std::shared_ptr<const domain::project>> record_repository::write_project(
    domain::project record, obs::trace_context parent) {
    const bool is_new = record.revision == 0;
    if (auto ready = check_ready(); !ready) co_return base::pass(std::move(ready));
    record.updated_at = clock_.utc_now();
    if (is_new) record.created_at = record.updated_at;
    const auto body = encode(record);
    auto write = ports::new_write_id();
    // The caller of an edit has read this revision, so that memory may be newer.
    const auto known = cache_.project(record.name);
    const bool is_present = known && known->revision == record.revision;
    auto replaced = is_present ? write_id(record_kind::project, record.name) : std::string();
    auto stored = co_await store_project("put", parent,
                                         store_.put({.collection = projects,
                                                     .content = {.id = record.name, .body = body},
                                                     .expected = record.revision,
                                                     .expected_write_id = std::move(replaced),
                                                     .write_id = write}));
    if (stored) {
        record.revision = *stored;
        co_return put(std::move(record), record_origin::command, std::move(write));
    }
    const bool has_moved = stored.error().code == errc::precondition;
    if (has_moved || is_effect_unknown(stored.error())) {
        auto reloaded = co_await reload_project(record.name);
        const auto present = cache_.project(record.name);
        if (reloaded && present && encode(*present) == body)
            co_return present;  // the write succeeded
    }
    if (is_new && has_moved) {
        co_return project_exists(record.name);
    }
    co_return pass_store(std::move(stored), "store the project");
}

aio::task<std::shared_ptr<const domain::project>> record_repository::update_project(
    std::string name, project_change change, obs::trace_context parent) {
    const auto turn = co_await queue_.enter(projects + "/" + name);
    if (!turn) co_return std::unexpected(turn.error());
    bool is_read = false;  // from the store, by this call
    for (int round = 0; round < rounds_max; ++round) {
        if (unconfirmed_projects_.contains(name)) {
            auto reloaded = co_await reload_project(name);
            if (!reloaded) co_return base::pass(std::move(reloaded));
            is_read = true;
        }
        const auto present = cache_.project(name);
        if (!present) {
            co_return no_such_project(name);
        }
        auto next = change(*present);
        if (!next) co_return base::pass(std::move(next));
        if (*next == *present) {
            if (is_read) co_return present;
            unconfirmed_projects_.insert(name);
            continue;
        }
        next->revision = present->revision;
        auto written = co_await write_project(std::move(*next), parent);
        if (written || written.error().code != errc::precondition) co_return written;
    }
    co_return base::fail(errc::unavailable, "the project changes faster than it can be written");
}

aio::task<> record_repository::delete_project(std::string name, project_check check,
                                              obs::trace_context parent) {
    const auto turn = co_await queue_.enter(projects + "/" + name);
    if (!turn) co_return std::unexpected(turn.error());
    const auto present = cache_.project(name);
    if (!present) co_return no_such_project(name);
    auto checked = check(*present);
    if (!checked) co_return checked;
    auto removed = co_await store_project(
        "remove", parent,
        store_.remove({.collection = projects,
                       .id = name,
                       .expected = present->revision,
                       .expected_write_id = write_id(record_kind::project, name)}));
    if (removed) {
        erase(record_kind::project, name, record_origin::command);
        co_return base::ok();
    }
    if (removed.error().code == errc::precondition || is_effect_unknown(removed.error())) {
        auto reloaded = co_await reload_project(name);
        if (reloaded && !cache_.project(name)) co_return base::ok();  // the delete succeeded
    }
    co_return pass_store(std::move(removed), "remove the project");
}

aio::task<> record_repository::resolve_unconfirmed() {
    const auto is_resolved = [this](const base::outcome<void>& adopted, const std::string& id) {
        if (adopted || adopted.error().code != errc::corrupt) return adopted.has_value();
        log_.error("record_unreadable", {{"id", id}, {"detail", adopted.error().text}});
        return true;  // it is not read again
    };
    for (auto* ids : {&unconfirmed_creations_, &unconfirmed_records_}) {
        while (!ids->empty()) {
            const auto id = *ids->begin();
            auto adopted = co_await adopt_database(id);
            if (!is_resolved(adopted, id)) co_return adopted;
        }
    }
    while (!unconfirmed_projects_.empty()) {
        const auto name = *unconfirmed_projects_.begin();
        auto adopted = co_await adopt_project(name);
        if (!is_resolved(adopted, name)) co_return adopted;
    }
    co_return base::ok();
}

aio::task<> record_repository::purge_operations(base::instant when) {
    for (const auto& id : cache_.archived_before(when)) {
        auto removed = co_await store_.remove({.collection = operations, .id = id});
        if (!removed) co_return pass_store(std::move(removed), "remove an old operation");
        erase(record_kind::operation, id, record_origin::command);
    }
    co_return base::ok();
}

}  // namespace app
