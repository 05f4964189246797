#pragma once
// The read model: documents that were encoded when they changed, shared by all HTTP loops. The
// control loop writes it as an observer of the state. Any thread may read it; a read takes no lock
// and does not wait for the writer.

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "api/json/response_json.hpp"
#include "api/read_model/list_index.hpp"
#include "app/platform.hpp"
#include "base/atomic_shared_ptr.hpp"

namespace api {

using shared_text = std::shared_ptr<const std::string>;

// One database's documents; immutable.
struct database_documents {
    std::shared_ptr<const app::database_view> view;
    shared_text database;
    shared_text status;
    shared_text metrics;
    std::size_t metrics_split = 0;
    std::uint64_t hash = 0;          // of `database`
    std::uint64_t metrics_hash = 0;  // of `metrics`
    std::string etag;                // of `database` and `status`
};

// Holds the current documents of a database. Exists as long as the database.
struct database_slot {
    base::atomic_shared_ptr<const database_documents> documents;
};

using project_map = std::map<std::string, std::shared_ptr<const domain::project>>;

// The content of all lists. Immutable; cheap to copy for the next version.
struct directory {
    list_index databases;
    chunked_list<operation_pointer, newest_first> operations;
    chunked_list<operation_pointer, newest_of_database_first> operations_of_databases;
    chunked_list<operation_pointer, newest_first>
        unfinished;  // the unfinished ones of `operations`
    std::shared_ptr<const project_map> projects = std::make_shared<project_map>();
    std::shared_ptr<const ports::catalogue> catalogue;  // null until the cluster is synced
};

// A change for stream subscribers: {"kind", "id", "revision", "object"}.
struct model_change {
    std::string project;  // decides which subscribers may see it
    bool is_delete = false;
    std::string data;
};

class read_model final : public app::database_observer,
                         public app::operation_observer,
                         public app::project_observer,
                         public app::catalogue_observer {
  public:
    read_model();

    // ---- any thread --------------------------------------------------------------------
    [[nodiscard]] std::shared_ptr<const database_documents> database(const std::string& id) const;
    [[nodiscard]] std::shared_ptr<const directory> all() const { return directory_.load(); }
    [[nodiscard]] std::shared_ptr<const domain::operation> operation(const std::string& id) const;

    // ---- control loop ------------------------------------------------------------------
    void on_change(std::function<void(model_change)> listener) { listener_ = std::move(listener); }
    void on_database(std::shared_ptr<const app::database_view> view, app::change change) override;
    void on_database_deleted(std::shared_ptr<const app::database_view> last) override;
    void on_operation(std::shared_ptr<const domain::operation> operation) override;
    void on_operation_forgotten(const std::string& id) override;
    void on_project(std::shared_ptr<const domain::project> project) override;
    void on_project_deleted(const std::string& name) override;
    void on_catalogue(std::shared_ptr<const ports::catalogue> offer) override;

  private:
    static constexpr std::size_t shard_count = 1024;  // bounds what a change copies
    template <class Value>
    struct sharded {
        using map = std::unordered_map<std::string, Value>;
        std::array<base::atomic_shared_ptr<const map>, shard_count> shards;
        [[nodiscard]] static std::size_t shard_of(const std::string& id) noexcept {
            return std::hash<std::string>{}(id) % shard_count;
        }
        [[nodiscard]] Value find(const std::string& id) const {
            const auto shard = shards[shard_of(id)].load();
            const auto entry = shard->find(id);
            return entry == shard->end() ? Value() : entry->second;
        }
        // Copies the shard, changes the copy and stores it. Thread: the one writer.
        void change(const std::string& id, const std::function<void(map&)>& update) {
            auto& shard = shards[shard_of(id)];
            auto next = std::make_shared<map>(*shard.load());
            update(*next);
            shard.store(std::move(next));
        }
    };
    void update_index(const app::database_view& view, const std::shared_ptr<database_slot>& slot);
    void change_projects(const std::function<void(project_map&)>& update);
    void change_directory(const std::function<void(directory&)>& update);
    struct changed_object {
        std::string_view kind;
        std::string_view id;
        std::string_view project;
        std::int64_t revision = 0;
    };
    // Notifies the listener of the object's new document.
    void notify_upsert(const changed_object& changed, std::string_view document);
    void notify_delete(const changed_object& changed);
    void notify(const changed_object& changed, bool is_delete, std::string_view document);

    sharded<std::shared_ptr<database_slot>> slots_;
    // The databases as the index holds them, by id.
    std::unordered_map<std::string, std::shared_ptr<const listed_database>> listed_;
    sharded<std::shared_ptr<const domain::operation>> operations_;
    base::atomic_shared_ptr<const directory> directory_;
    std::function<void(model_change)> listener_;
};

}  // namespace api
