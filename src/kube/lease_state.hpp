#pragma once
// What a process knows about Lease objects, and what it should do next about one of them: a state
// machine without I/O, fed with what was read and written and with the time. After client-go's
// leader election. Object: kubernetes.io/docs/reference/kubernetes-api/cluster-resources/lease-v1.
//
// Nobody's wall clock is believed. Whether somebody else's lease has run out is told by our own
// steady time since we last saw its spec change. Owned by one lease keeper.

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>

#include "base/clock.hpp"

namespace kube {

class lease_state {
  public:
    // read: GET it and tell on_seen() or on_absent(). create, update: POST or PUT `body` and tell
    // on_seen(), on_absent() or on_doubt(). refuse: somebody else has it. nothing: there is no more
    // to do.
    enum class action_kind : std::uint8_t { read, create, update, reject, nothing };
    struct action {
        action_kind kind = action_kind::read;
        boost::json::object body{};
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

    // `has_read`: what is known was read for this very claim. Without it only a lease that we
    // believe to be the claimant's own is written without another look.
    [[nodiscard]] action to_hold(const claim& wanted, bool has_read, moment time) const;
    [[nodiscard]] action to_release(const std::string& name, const std::string& holder,
                                    bool has_read, moment time) const;

    // The object as the API server answered it; of any age.
    void on_observed(base::steady_time now, const std::string& name, boost::json::object lease);
    void on_absent(const std::string& name);
    // A write was refused or its answer was lost: what is known may not be what is there.
    void on_unconfirmed_write(const std::string& name);

    // Who has it, by all that is known; empty when it is free or has run out.
    [[nodiscard]] std::string live_holder(const std::string& name, base::steady_time now) const;
    // Drops what has not been seen for so long that nobody can be interested.
    void forget_old(base::steady_time now);
    [[nodiscard]] std::size_t size() const noexcept { return known_.size(); }

  private:
    struct known_lease {
        boost::json::object object;
        bool is_unconfirmed = false;
        base::steady_time changed_at{};  // when its spec was first seen as it is
        base::steady_time observed_at{};
    };
    [[nodiscard]] const known_lease* find(const std::string& name) const;
    [[nodiscard]] boost::json::object first_body(const claim& wanted, moment time) const;
    [[nodiscard]] boost::json::object next_body(const known_lease& known, const claim& wanted,
                                                moment time) const;
    void add_labels(boost::json::object& metadata) const;

    std::string ns_;
    std::map<std::string, std::string> labels_;
    std::unordered_map<std::string, known_lease> known_;
};

}  // namespace kube
