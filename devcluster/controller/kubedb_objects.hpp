#pragma once
// Reads database objects and builds the objects that KubeDB's operator creates for them, with
// KubeDB's names, labels and ports. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "devcluster/controller/kinds.hpp"
#include "json/json.hpp"

namespace controller {

inline constexpr std::string_view finalizer = "kubedb.com";

// The members of a database object that this operator uses.
struct wanted_database {
    std::string engine;  // "postgres"
    std::string kind;    // "Postgres"
    std::string plural;  // "postgreses"
    std::string ns;
    std::string name;
    std::string uid;
    std::string version;
    std::string mode;             // Redis: Standalone, Cluster, Sentinel
    std::string deletion_policy;  // Delete if absent
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
    bool was_provisioned = false;  // from its status
};
wanted_database read_database(const engine_kind& kind, const json::object& object);

// Why this operator cannot run the database; empty if it can.
std::string rejection_of(const wanted_database& wanted, bool has_runtime);

// The object's finalizers with or without that of the operator. Keeps foreign finalizers.
json::array with_finalizer(const json::object& object);
json::array without_finalizer(const json::object& object);

json::object labels_of(const wanted_database& wanted);
std::string selector_of(
    const wanted_database& wanted);  // the three labels that identify the database
json::object secret_object(const wanted_database& wanted, const std::string& user,
                           const std::string& password);
// The password in a secret's data; empty if absent.
std::string password_in(const json::object& secret);
bool owns_secret(const wanted_database& wanted, const json::object& secret);

json::object claim_object(const wanted_database& wanted, int ordinal);
json::object pod_object(const wanted_database& wanted, int ordinal);
json::object set_object(const wanted_database& wanted);  // PetSet
json::object service_object(const wanted_database& wanted, const std::string& suffix, int port,
                            const std::string& port_name);
// The address of a member's pod. kube-apiserver rejects loopback addresses. There the address is
// synthetic, from a range that is never routed (198.18.0.0/15, RFC 2544), and the API server's
// egress selector must map it to the same port of this machine.
std::string pod_address(const wanted_database& wanted, const std::string& pod, bool is_synthetic);
struct endpoint_address {
    std::string pod;
    std::string ip;
    int port = 0;
};
// Each address forms a separate subset, because members differ by port and not by address.
json::object endpoints_object(const wanted_database& wanted, const std::string& suffix,
                              const std::vector<endpoint_address>& addresses,
                              const std::string& port_name);
json::object binding_object(const wanted_database& wanted, const std::string& url);
std::string member_name(const wanted_database& wanted, int ordinal);
std::string claim_name(const wanted_database& wanted, int ordinal);
// The ordinal in the name of a member or its claim; nullopt for other names.
std::optional<int> ordinal_in(const wanted_database& wanted, std::string_view name);

struct event_text {
    std::string type;  // "Normal", "Warning"
    std::string reason;
    std::string message;
};
// One object per reason; a repetition increments its count.
json::object event_object(const wanted_database& about, const event_text& event, int count,
                          const std::string& now);

json::object pod_status(const wanted_database& wanted, bool is_ready, int restarts,
                        const std::string& not_ready_reason, const std::string& now,
                        const std::string& ip = "127.0.0.1");

}  // namespace controller
