#pragma once
// Publishes the state of a database as Kubernetes objects: services and endpoints, pods, claims,
// the PetSet, the AppBinding, events and the status. One loop; one call at a time. The arguments
// must stay valid until a call returns.

#include <map>
#include <string>
#include <vector>

#include "devcluster/controller/database_health.hpp"
#include "devcluster/controller/kinds.hpp"
#include "devcluster/controller/kubedb_objects.hpp"
#include "devcluster/controller/object_writer.hpp"
#include "devcluster/runtime/member.hpp"

namespace controller {

// The state of a database that is published.
struct database_view {
    const wanted_database& wanted;
    const database_facts& facts;
    std::map<int, const runtime::member*> members;  // by ordinal
};

class database_publisher {
  public:
    // `engine` may be null: no runtime. Then only events and the status are published.
    database_publisher(operator_deps& deps, const engine_kind& kind, const runtime::engine* engine,
                       object_writer& writer)
        : deps_(deps), kind_(kind), engine_(engine), writer_(writer) {}

    // Writes the services, endpoints, claims, pods, PetSet and AppBinding. Errors: the client's.
    aio::task<> publish_objects(const database_view& view);
    // Merges the status into `object`. Errors: the client's.
    aio::task<> publish_status(const database_view& view, const json::object& object);
    // Writes queued events, one object per reason. Errors: the client's; unwritten events stay
    // queued.
    aio::task<> publish_events(const wanted_database& wanted);
    // Queues an event. Drops it if the queue is full.
    void add_event(event_text event);
    [[nodiscard]] bool has_published(const std::string& reason) const {
        return event_counts_.contains(reason);
    }

  private:
    aio::task<> publish_services(const database_view& view);
    aio::task<> publish_endpoints(const wanted_database& wanted, std::string suffix,
                                  std::vector<endpoint_address> addresses, std::string port_name);
    aio::task<> publish_members(const database_view& view);
    aio::task<> publish_binding(const database_view& view);

    operator_deps& deps_;
    const engine_kind& kind_;
    const runtime::engine* engine_;
    object_writer& writer_;
    std::vector<event_text> events_;
    std::map<std::string, int> event_counts_;  // by reason
    bool rejects_endpoints_ = false;
};

}  // namespace controller
