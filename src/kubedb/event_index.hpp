#pragma once
// The events of all databases. An event belongs to the database that owns its object. Events and
// objects arrive through separate watches, in any order, so an event whose owner is not known yet
// is kept until its owner appears or until it expires. The result does not depend on the order.
// No I/O. Inside kubedb only.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "domain/observed.hpp"
#include "kubedb/observe.hpp"
#include "ports/cluster.hpp"

namespace kubedb {

class event_index {
  public:
    struct options {
        std::size_t events_max = 20;  // of a database: the newest ones
        // Events without an owner. Beyond the maximum the oldest arrival is dropped.
        std::size_t waiting_max = 50'000;
        std::chrono::seconds waiting_time{600};
    };
    using key_set = std::set<ports::database_key>;

    event_index(const base::clock& clock, options limits) : clock_(clock), options_(limits) {}

    // Adds an event, or a newer state of an event with the same `id`. `owner` is the database that
    // the labels of the object name, if the object is known. Returns the database whose events
    // changed, if any.
    std::optional<ports::database_key> put(const object_reference& object, std::string_view id,
                                           domain::event event,
                                           const std::optional<ports::database_key>& owner);
    // Notes that the labels of an object name its database. Returns the databases whose events
    // changed.
    key_set set_owner(const object_reference& object, const ports::database_key& owner);
    // Notes that the database exists. Returns the databases whose events changed.
    key_set add_database(const ports::database_key& key);
    // Notes that the database does not exist any more, and drops its events.
    void remove_database(const ports::database_key& key);

    // Returns the events of the database since the time, oldest first.
    [[nodiscard]] std::vector<domain::event> events_of(const ports::database_key& key,
                                                       std::optional<base::instant> since) const;
    [[nodiscard]] std::size_t waiting() const noexcept { return arrivals_.size(); }

  private:
    struct record {
        std::uint64_t id = 0;  // a hash: a database keeps few events
        domain::event event;
        bool is_labeled = false;  // the owner is that of the labels, not of the name
    };
    using records = std::vector<record>;
    using predicate = std::function<bool(const record&, const object_reference&)>;
    // "<namespace>/<base name>" and the number of the arrival.
    using place = std::pair<std::string, std::uint64_t>;
    struct arrival {
        base::steady_time time;
        std::string place;
    };

    [[nodiscard]] std::optional<ports::database_key> owner_by_name(
        const object_reference& object) const;
    void wait(const object_reference& object, record added);
    void expire();
    bool add(const ports::database_key& key, record added);
    bool adopt_waiting(const std::string& first_place, const std::string& end_place,
                       const predicate& is_adopted, const ports::database_key& key,
                       bool is_labeled);
    records extract(const ports::database_key& key, const predicate& is_extracted);

    const base::clock& clock_;
    options options_;
    // The existing databases by "<namespace>/<name>".
    std::unordered_map<std::string, key_set> databases_;
    std::map<ports::database_key, records> records_;  // oldest first
    std::map<place, record> waiting_;
    std::map<std::uint64_t, arrival> arrivals_;  // of waiting_
    std::uint64_t last_arrival_ = 0;
};

}  // namespace kubedb
