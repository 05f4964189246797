#pragma once
// The known Lease objects and the next action for one of them: a sans-io state machine modelled on
// the leader election of client-go. Object:
// kubernetes.io/docs/reference/kubernetes-api/cluster-resources/lease-v1. Wall clocks are not
// trusted. The lease of another process has expired when its duration has elapsed on our monotonic
// clock since we last observed its spec change. Owned by one lease manager.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>

#include "base/clock.hpp"
#include "json/json.hpp"

namespace kube {

class lease_state {
  public:
    // read: GET the lease, then call on_observed() or on_absent(). create, update: POST or PUT
    // `body`, then call on_observed(), on_absent() or on_unconfirmed_write(). reject: another
    // process holds the lease. nothing: done.
    enum class action_kind : std::uint8_t { read, create, update, reject, nothing };
    struct action {
        action_kind kind = action_kind::read;
        json::object body{};
    };
    struct claim {
        std::string name;
        std::string holder;
        std::chrono::seconds duration{};
    };
    struct moment {
        base::steady_time now;
        base::instant wall;
    };

    lease_state(std::string ns, std::map<std::string, std::string> labels)
        : ns_(std::move(ns)), labels_(std::move(labels)) {}

    // `has_read`: the lease was read for this claim. Otherwise only a lease that the claimant
    // already holds is written without a read.
    [[nodiscard]] action to_hold(const claim& wanted, bool has_read, moment time) const;
    [[nodiscard]] action to_release(const std::string& name, const std::string& holder,
                                    bool has_read, moment time) const;

    // Stores an object of the API server. It may be of any age.
    void on_observed(base::steady_time now, const std::string& name, json::object lease);
    void on_absent(const std::string& name);
    // Marks the known object as stale after a rejected or unconfirmed write.
    void on_unconfirmed_write(const std::string& name);

    // Returns the holder. Empty if the lease is free or has expired.
    [[nodiscard]] std::string live_holder(const std::string& name, base::steady_time now) const;
    // Drops leases that were not observed for 48 hours.
    void forget_old(base::steady_time now);
    [[nodiscard]] std::size_t size() const noexcept { return known_.size(); }

  private:
    struct known_lease {
        json::object object;
        bool is_unconfirmed = false;
        base::steady_time changed_at{};  // when its spec was first seen as it is
        base::steady_time observed_at{};
    };
    [[nodiscard]] const known_lease* find(const std::string& name) const;
    [[nodiscard]] json::object first_body(const claim& wanted, moment time) const;
    [[nodiscard]] json::object next_body(const known_lease& known, const claim& wanted,
                                         moment time) const;
    void add_labels(json::object& metadata) const;

    std::string ns_;
    std::map<std::string, std::string> labels_;
    std::unordered_map<std::string, known_lease> known_;
};

}  // namespace kube
