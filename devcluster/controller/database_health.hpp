#pragma once
// The status of a database: derives phase and conditions from facts, as KubeDB does. Pure.
// Rules: kubedb/apimachinery, pkg/phase.

#include <cstdint>
#include <string>

#include "json/json.hpp"

namespace controller {

json::object condition(const std::string& type, bool is_true, const std::string& reason,
                       const std::string& message, const std::string& when);
// Sets a condition: replaces the one of its type, and keeps its time if the status is unchanged.
void put_condition(json::array& conditions, json::object fresh);

struct database_facts {
    int replicas = 1;              // wanted
    int ready = 0;                 // ready members
    bool accepts = false;          // the first member accepts connections
    bool was_provisioned = false;  // all members were ready before
    bool is_halted = false;
    bool is_paused = false;          // an OpsRequest is in progress
    std::string not_ready_reason{};  // why a member is not ready
    std::string rejection{};         // why it cannot run
    std::int64_t generation = 0;
    bool operator==(const database_facts&) const = default;
};

// Returns phase, conditions and observedGeneration. Keeps the conditions of other writers in
// `before`.
json::object status_of(const database_facts& facts, const json::array& before,
                       const std::string& now);

}  // namespace controller
