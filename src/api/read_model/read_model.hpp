#pragma once
// The read model: documents that were encoded when they changed, shared by all HTTP loops. The
// control loop writes it as an observer of the state. Any thread may read it; a read takes no lock
// and does not wait for the writer.

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "api/json/response_json.hpp"
#include "api/read_model/database_series.hpp"
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
    std::shared_ptr<const database_series> series;
    std::size_t metrics_split = 0;
    std::uint64_t hash = 0;          // of `database` without `observed_at`
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
    std::string project;   // with `database`, decides which subscribers may see it
    std::string database;  // id; empty: the change of a project
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
    // Returns the rows of these databases in a version of the model, in the order of names. The
    // addresses are valid while the version exists. Reads no other database.
    [[nodiscard]] std::vector<const list_row*> rows_of(
        const directory& all, const std::set<std::string, std::less<>>& ids) const;

    // ---- control loop ------------------------------------------------------------------
    // Collects the changes until end_bulk() without a new version for each of them. Readers see
    // the version before it. For the start: the model receives everything at once.
    void begin_bulk();
    void end_bulk();
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
            return value_in(*shard, id);
        }
        // The same with the changes of a bulk. Thread: the one writer.
        [[nodiscard]] Value find_pending(const std::string& id) const {
            const auto it = pending.find(shard_of(id));
            return it == pending.end() ? find(id) : value_in(*it->second, id);
        }
        [[nodiscard]] static Value value_in(const map& source, const std::string& id) {
            const auto entry = source.find(id);
            return entry == source.end() ? Value() : entry->second;
        }
        // Copies the shard, changes the copy and stores it. Thread: the one writer.
        void change(const std::string& id, const std::function<void(map&)>& update) {
            auto& shard = shards[shard_of(id)];
            if (is_bulk) {
                auto& collected = pending[shard_of(id)];
                if (!collected) collected = std::make_shared<map>(*shard.load());
                return update(*collected);
            }
            auto next = std::make_shared<map>(*shard.load());
            update(*next);
            shard.store(std::move(next));
        }
        void publish_pending() {
            for (auto& [number, collected] : pending) shards[number].store(std::move(collected));
            pending.clear();
            is_bulk = false;
        }
        bool is_bulk = false;
        std::unordered_map<std::size_t, std::shared_ptr<map>> pending;  // shards of a bulk
    };
    void update_index(const app::database_view& view, const std::shared_ptr<database_slot>& slot);
    void change_projects(const std::function<void(project_map&)>& update);
    void change_directory(const std::function<void(directory&)>& update);
    struct changed_object {
        std::string_view kind;
        std::string_view id;
        std::string_view project;
        std::int64_t revision = 0;
        std::string_view database{};
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
    std::shared_ptr<directory> pending_directory_;  // null outside of a bulk
    std::function<void(model_change)> listener_;
};

}  // namespace api
