#include "api/read_model/read_model.hpp"

#include <algorithm>
#include <utility>

#include "api/etag.hpp"
#include "base/fnv1a.hpp"

namespace api {
namespace {

shared_text share(std::string text) {
    return std::make_shared<const std::string>(std::move(text));
}

template <class Write>
shared_text encode_with(Write write, const app::database_view& view) {
    std::string text;
    text.reserve(1024);
    json::writer out(text);
    write(out, view);
    return share(std::move(text));
}

}  // namespace

read_model::read_model() {
    for (auto& shard : slots_.shards) shard.store(std::make_shared<decltype(slots_)::map>());
    for (auto& shard : operations_.shards) {
        shard.store(std::make_shared<decltype(operations_)::map>());
    }
    directory_.store(std::make_shared<directory>());
}

std::shared_ptr<const database_documents> read_model::database(const std::string& id) const {
    const auto slot = slots_.find(id);
    return slot ? slot->documents.load() : nullptr;
}

std::shared_ptr<const domain::operation> read_model::operation(const std::string& id) const {
    return operations_.find(id);
}

std::vector<const list_row*> read_model::rows_of(
    const directory& all, const std::set<std::string, std::less<>>& ids) const {
    std::vector<const list_row*> rows;
    for (const auto& id : ids) {
        const auto documents = database(id);
        if (!documents) continue;
        const auto* row = all.databases.row_of(*documents->view->record);
        if (row != nullptr) rows.push_back(row);
    }
    std::ranges::sort(rows,
                      [](const list_row* a, const list_row* b) { return order_by_name()(*a, *b); });
    return rows;
}

void read_model::begin_bulk() {
    slots_.is_bulk = true;
    operations_.is_bulk = true;
    pending_directory_ = std::make_shared<directory>(*directory_.load());
}

void read_model::end_bulk() {
    slots_.publish_pending();
    operations_.publish_pending();
    directory_.store(std::exchange(pending_directory_, nullptr));
}

void read_model::change_directory(const std::function<void(directory&)>& update) {
    if (pending_directory_) return update(*pending_directory_);
    auto next = std::make_shared<directory>(*directory_.load());
    update(*next);
    directory_.store(std::move(next));
}

void read_model::change_projects(const std::function<void(project_map&)>& update) {
    const auto present =
        pending_directory_ ? pending_directory_->projects : directory_.load()->projects;
    auto next = std::make_shared<project_map>(*present);
    update(*next);
    change_directory([&](directory& all) { all.projects = std::move(next); });
}

void read_model::notify_upsert(const changed_object& changed, std::string_view document) {
    notify(changed, false, document);
}

void read_model::notify_delete(const changed_object& changed) {
    notify(changed, true, "null");
}

void read_model::notify(const changed_object& changed, bool is_delete, std::string_view document) {
    if (!listener_) return;
    model_change change{.project = std::string(changed.project),
                        .database = std::string(changed.database),
                        .is_delete = is_delete};
    json::writer out(change.data);
    out.begin_object().member("kind", changed.kind).member("id", changed.id);
    out.member("revision", changed.revision).key("object").raw(document).end_object();
    listener_(std::move(change));
}

void read_model::on_database(std::shared_ptr<const app::database_view> view, app::change change) {
    const auto& id = view->record->id;
    auto slot = slots_.find_pending(id);
    const auto before = slot ? slot->documents.load() : nullptr;
    auto next = before ? std::make_shared<database_documents>(*before)
                       : std::make_shared<database_documents>();
    next->view = view;
    const bool is_described = change.record || change.status || !before;
    if (is_described) {
        next->database = encode_with(
            [](json::writer& out, const app::database_view& source) { write(out, source); }, *view);
        next->status = encode_with(write_status, *view);
        next->hash = hash_of_database(*next->database);
        next->etag = etag_of(view->record->revision, next->hash);
    }
    if (change.metrics || !before) {
        auto document = encode_metrics(*view);
        next->metrics = share(std::move(document.text));
        next->metrics_split = document.split_at;
        next->metrics_hash = base::fnv1a(*next->metrics);
    }
    next->series = std::make_shared<const database_series>(encode_series(*view));
    if (slot) {
        slot->documents.store(std::move(next));
    } else {
        slot = std::make_shared<database_slot>();
        slot->documents.store(std::move(next));
        slots_.change(id, [&](auto& map) { map[id] = slot; });
    }
    if (is_described) {
        update_index(*view, slot);
        notify_upsert({"database", id, view->record->project, view->record->revision, id},
                      *slot->documents.load()->database);
    }
}

// The index holds a database's record and phase. The documents are in its slot.
void read_model::update_index(const app::database_view& view,
                              const std::shared_ptr<database_slot>& slot) {
    auto& known = listed_[view.record->id];
    if (known && known->record == view.record && known->phase == view.status.phase) return;
    auto now = std::make_shared<const listed_database>(view.record, slot, view.status.phase);
    change_directory([&](directory& all) { all.databases.put(known, now); });
    known = std::move(now);
}

void read_model::on_database_deleted(std::shared_ptr<const app::database_view> last) {
    const auto& id = last->record->id;
    const auto slot = slots_.find_pending(id);
    if (!slot) return;
    slots_.change(id, [&](auto& map) { map.erase(id); });
    const auto listed = listed_.extract(id);
    change_directory([&](directory& all) { all.databases.erase(listed.mapped()); });
    notify_delete({"database", id, last->record->project, last->record->revision, id});
}

void read_model::on_operation(std::shared_ptr<const domain::operation> operation) {
    operations_.change(operation->id, [&](auto& map) { map[operation->id] = operation; });
    change_directory([&](directory& all) {
        all.operations.put(operation);
        all.operations_of_databases.put(operation);
        if (operation->is_terminal()) {
            all.unfinished.erase(operation);
        } else {
            all.unfinished.put(operation);
        }
    });
    notify_upsert({"operation", operation->id, operation->project, 0, operation->database_id},
                  encode(*operation));
}

void read_model::on_operation_forgotten(const std::string& id) {
    const auto last = operations_.find_pending(id);
    if (!last) return;
    operations_.change(id, [&](auto& map) { map.erase(id); });
    change_directory([&](directory& all) {
        all.operations.erase(last);
        all.operations_of_databases.erase(last);
        all.unfinished.erase(last);
    });
    notify_delete({"operation", id, last->project, 0, last->database_id});
}

void read_model::on_project(std::shared_ptr<const domain::project> project) {
    change_projects([&](project_map& all) { all[project->name] = project; });
    notify_upsert({"project", project->name, project->name, project->revision}, encode(*project));
}

void read_model::on_project_deleted(const std::string& name) {
    change_projects([&](project_map& all) { all.erase(name); });
    notify_delete({"project", name, name});
}

void read_model::on_catalogue(std::shared_ptr<const ports::catalogue> offer) {
    change_directory([&](directory& all) { all.catalogue = offer; });
}

}  // namespace api
