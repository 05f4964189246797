#pragma once
// The Kubernetes objects that KubeDB's operator makes for a database, as this one makes them. Pure.
// Names, labels and ports: KubeDB's conventions.

#include <boost/json/object.hpp>
#include <string>
#include <vector>

namespace controller {

namespace json = boost::json;

// A database's object, as far as this operator cares.
struct wanted_database {
    std::string engine;  // "postgres"
    std::string kind;    // "Postgres"
    std::string plural;  // "postgreses"
    std::string name_space;
    std::string name;
    std::string uid;
    std::string version;
    std::string deletion_policy;
    std::string auth_secret;  // name
    int replicas = 1;
    std::int64_t memory_bytes = 0;
    std::string storage = "1Gi";
    bool is_halted = false;
    bool is_deleting = false;
    bool has_finalizer = false;
    bool has_monitor = false;
};
wanted_database read_database(const std::string& engine, const std::string& plural,
                              const json::object& object);

json::object labels_of(const wanted_database& of);
json::object secret_object(const wanted_database& of, const std::string& user,
                           const std::string& password);
json::object claim_object(const wanted_database& of, int ordinal);
json::object pod_object(const wanted_database& of, int ordinal);
json::object service_object(const wanted_database& of, const std::string& suffix, int port,
                            const std::string& port_name);
struct endpoint_address {
    std::string pod;
    int port = 0;
};
// Each address is a subset of its own: here members differ by port, not by address.
json::object endpoints_object(const wanted_database& of, const std::string& suffix,
                              const std::vector<endpoint_address>& addresses,
                              const std::string& port_name);
json::object binding_object(const wanted_database& of, const std::string& url);
std::string member_name(const wanted_database& of, int ordinal);

json::object condition(const std::string& type, bool is_true, const std::string& reason,
                       const std::string& message, const std::string& when);

}  // namespace controller
