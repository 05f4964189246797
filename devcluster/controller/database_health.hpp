#pragma once
// What is told about a database: phase and conditions out of facts, as KubeDB derives them. Pure.
// Rules: kubedb/apimachinery, pkg/phase.

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <string>

namespace controller {

namespace json = boost::json;

json::object condition(const std::string& type, bool is_true, const std::string& reason,
                       const std::string& message, const std::string& when);
// Puts `fresh` into the list: in the place of the one of its type, whose time it keeps unless the
// status changed.
void put_condition(json::array& into, json::object fresh);

struct database_facts {
    int replicas = 1;              // wanted
    int ready = 0;                 // of those
    bool accepts = false;          // the first member does
    bool was_provisioned = false;  // all were ready once
    bool is_halted = false;
    bool is_paused = false;  // a request has it
    std::string trouble{};   // of a member that is not ready
    std::string refusal{};   // why it cannot run at all
    std::int64_t generation = 0;
    bool operator==(const database_facts&) const = default;
};

// The status: phase, conditions (those of other writers in `before` are kept), observedGeneration.
json::object status_of(const database_facts& facts, const json::array& before,
                       const std::string& now);

}  // namespace controller
