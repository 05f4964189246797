#pragma once
// The Kubernetes objects that KubeDB's operator makes for a database, as this one makes them. Pure.
// Names, labels and ports: KubeDB's conventions.

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "devcluster/controller/kinds.hpp"

namespace controller {

namespace json = boost::json;

inline constexpr std::string_view finalizer = "kubedb.com";

// A database's object, as far as this operator cares.
struct wanted_database {
    std::string engine;  // "postgres"
    std::string kind;    // "Postgres"
    std::string plural;  // "postgreses"
    std::string ns;
    std::string name;
    std::string uid;
    std::string version;
    std::string mode;             // Redis: Standalone, Cluster, Sentinel
    std::string deletion_policy;  // Delete when the object does not say
    std::string auth_secret;      // name
    std::string first_role;
    std::string follower_role;
    std::int64_t generation = 0;
    int replicas = 1;
    std::int64_t memory_bytes = 0;
    std::string storage = "1Gi";
    bool is_auth_external = false;
    bool is_halted = false;
    bool is_deleting = false;
    bool has_finalizer = false;
    bool has_monitor = false;
    bool was_provisioned = false;  // its status says so
};
wanted_database read_database(const engine_kind& kind, const json::object& object);

// Why this operator cannot run it; empty when it can.
std::string refusal_of(const wanted_database& wanted, bool has_runtime);

// The object's finalizers with ours, or without it; others' are kept.
json::array with_finalizer(const json::object& object);
json::array without_finalizer(const json::object& object);

json::object labels_of(const wanted_database& of);
std::string selector_of(const wanted_database& of);  // for the three that name the database
json::object secret_object(const wanted_database& of, const std::string& user,
                           const std::string& password);
// The password in a secret's data; empty when there is none.
std::string password_in(const json::object& secret);
bool is_secret_ours(const wanted_database& of, const json::object& secret);

json::object claim_object(const wanted_database& of, int ordinal);
json::object pod_object(const wanted_database& of, int ordinal);
json::object set_object(const wanted_database& of);  // PetSet
json::object service_object(const wanted_database& of, const std::string& suffix, int port,
                            const std::string& port_name);
// The address that a member's pod has. On a real cluster a pod may not have one on loopback: there
// it is made up, of a range that is never routed (198.18.0.0/15, RFC 2544), and the API server's
// egress selector has to lead it to the same port of this machine.
std::string pod_address(const wanted_database& of, const std::string& pod, bool is_made_up);
struct endpoint_address {
    std::string pod;
    std::string ip;
    int port = 0;
};
// Each address is a subset of its own: here members differ by port, not by address.
json::object endpoints_object(const wanted_database& of, const std::string& suffix,
                              const std::vector<endpoint_address>& addresses,
                              const std::string& port_name);
json::object binding_object(const wanted_database& of, const std::string& url);
std::string member_name(const wanted_database& of, int ordinal);
std::string claim_name(const wanted_database& of, int ordinal);
// Of a member's name or its claim's; nothing when it is neither.
std::optional<int> ordinal_in(const wanted_database& of, std::string_view name);

struct event_text {
    std::string type;  // "Normal", "Warning"
    std::string reason;
    std::string message;
};
// One object per reason: a repetition raises its count.
json::object event_object(const wanted_database& about, const event_text& what, int count,
                          const std::string& now);

json::object pod_status(const wanted_database& of, bool is_ready, int restarts,
                        const std::string& trouble, const std::string& now,
                        const std::string& ip = "127.0.0.1");

}  // namespace controller
