#pragma once
// All state of the platform in memory: databases with their observed state, projects, finished
// operations of deleted databases, and the cluster's catalogue. Each change is published to the
// observers as an immutable view. No I/O; lives on the control loop.

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "app/state_observers.hpp"
#include "base/clock.hpp"
#include "domain/quota.hpp"
#include "ports/cluster.hpp"

namespace app {

struct database_state {
    std::shared_ptr<const domain::database> record;
    std::shared_ptr<const domain::observed_database> observed;  // null: not reported yet
    bool was_seen = false;  // the cluster had an object of this key: its absence is news
    domain::status status;
    std::shared_ptr<const domain::metrics_sample> sample;
    metrics_state metrics = metrics_state::pending;
    std::string metrics_reason;
    std::string metrics_message;
    base::steady_time first_observation_until =
        base::steady_time::min();               // absence means nothing until
    std::shared_ptr<const database_view> view;  // as last published
};

ports::database_key key_of(const domain::database& record);

class state_cache final : public state_publisher {
  public:
    state_cache(const base::clock& clock, std::chrono::seconds metrics_interval)
        : clock_(clock), metrics_interval_(metrics_interval) {}

    void listen(state_observers observers) override;

    // Returns null if there is none. The pointer is valid until the erase of that database.
    [[nodiscard]] database_state* find(const std::string& id);
    [[nodiscard]] database_state* find(const ports::database_key& key);
    [[nodiscard]] const std::unordered_map<std::string, database_state>& databases()
        const noexcept {
        return entries_;
    }

    // Returns the operation of the last day that was requested with this key, or null. The pointer
    // is valid while its record is.
    [[nodiscard]] const domain::operation* find_by_idempotency_key(const std::string& key) const;

    // Adds or replaces a record and publishes it with its origin. The caller holds the turn of the
    // record, so the record is the newest one that the store returned. Its revision is lower than
    // the present one after the store was restored from a backup.
    database_state& put(std::shared_ptr<const domain::database> record, record_origin origin);
    void erase(const std::string& id);
    void expect_first_observation(database_state& database, std::chrono::seconds within);

    // Returns false if no record has this key.
    bool set_observed(const ports::database_key& key,
                      std::shared_ptr<const domain::observed_database> state);
    // Marks the cluster's content as fully reported: unreported objects are absent.
    void set_cluster_known();
    [[nodiscard]] bool is_cluster_known() const noexcept { return cluster_known_; }
    // Returns the observed state for decide(), null while it is unknown. Before the whole cluster
    // was reported, absence is known only for objects that were present.
    [[nodiscard]] std::shared_ptr<const domain::observed_database> observed_of(
        const database_state& database) const;
    [[nodiscard]] bool awaits_first_observation(const database_state& database) const;
    // Derives the status again and publishes it if it changed.
    void refresh_status(database_state& database);

    void set_sample(database_state& database, std::shared_ptr<const domain::metrics_sample> sample);
    void set_metrics_failure(database_state& database, metrics_state state, std::string reason,
                             std::string message = {});

    void set_catalogue(std::shared_ptr<const ports::catalogue> offer);
    [[nodiscard]] const std::shared_ptr<const ports::catalogue>& catalogue() const noexcept {
        return catalogue_;
    }

    [[nodiscard]] std::shared_ptr<const domain::project> project(const std::string& name) const;
    [[nodiscard]] const std::map<std::string, std::shared_ptr<const domain::project>>& projects()
        const noexcept {
        return projects_;
    }
    void put_project(std::shared_ptr<const domain::project> record);
    void erase_project(const std::string& name);

    // Stores an operation of a deleted database.
    void put_archived(std::shared_ptr<const domain::operation> operation);
    [[nodiscard]] const std::unordered_map<std::string, std::shared_ptr<const domain::operation>>&
    archived() const noexcept {
        return archived_;
    }
    [[nodiscard]] std::vector<std::string> archived_before(base::instant when) const;
    // Returns the ids of deleted databases whose deletion is still on record.
    [[nodiscard]] std::vector<std::string> removed_databases() const;
    void erase_archived(const std::string& id);

    // Returns true if nothing is stored.
    [[nodiscard]] bool is_empty() const noexcept {
        return projects_.empty() && entries_.empty() && archived_.empty();
    }
    [[nodiscard]] domain::usage usage_of_project(const std::string& name) const;
    [[nodiscard]] const domain::usage& usage_of_all() const noexcept { return used_; }

  private:
    void publish(database_state& database, change delta);
    void publish_operations(const domain::database* before, const domain::database& after);
    bool derive(database_state& database);
    void remember_key(const domain::operation& operation, const std::string& database_id);
    void forget_key(const domain::operation& operation);

    const base::clock& clock_;
    std::chrono::seconds metrics_interval_;
    // One entry per listener that follows the kind of record.
    std::vector<database_observer*> database_observers_;
    std::vector<operation_observer*> operation_observers_;
    std::vector<project_observer*> project_observers_;
    std::vector<catalogue_observer*> catalogue_observers_;
    std::unordered_map<std::string, database_state> entries_;
    std::map<ports::database_key, std::string> ids_;
    struct operation_place {
        std::string database_id;
        std::string operation_id;
        base::instant created_at{};
    };
    std::unordered_map<std::string, operation_place> by_idempotency_key_;
    std::map<ports::database_key, std::shared_ptr<const domain::observed_database>> seen_;
    std::map<std::string, std::shared_ptr<const domain::project>> projects_;
    std::unordered_map<std::string, std::shared_ptr<const domain::operation>> archived_;
    std::map<std::string, domain::usage> used_by_project_;
    domain::usage used_;
    std::shared_ptr<const ports::catalogue> catalogue_;
    bool cluster_known_ = false;
    std::uint64_t version_ = 0;
    // A view that an observer causes during a publication waits for its turn. Every observer thus
    // sees the views of a database in their order.
    std::deque<std::pair<std::shared_ptr<const database_view>, change>> unpublished_;
    bool is_publishing_ = false;
};

}  // namespace app
