#pragma once
// The observers of the platform's state, one interface per kind of record. All functions run on the
// control loop.

#include <cstdint>
#include <memory>
#include <string>

#include "app/database_view.hpp"
#include "domain/operation.hpp"
#include "ports/cluster.hpp"

namespace app {

// The writer of a record.
enum class record_origin : std::uint8_t {
    start,       // read from the store before the loops run
    command,     // written by a use case of this process
    reconciler,  // written by the reconciler of this process
    feed         // read again from the store: another process may have written it
};

struct change {
    bool record = false;                          // desired state, operations (revision moved)
    bool status = false;                          // derived status or anything observed
    bool metrics = false;                         // sample or its state
    record_origin origin = record_origin::start;  // of the record, if `record`
};

class database_observer {
  public:
    virtual ~database_observer() = default;
    virtual void on_database(std::shared_ptr<const database_view> view, change delta) = 0;
    virtual void on_database_deleted(std::shared_ptr<const database_view> last) = 0;
};

class operation_observer {
  public:
    virtual ~operation_observer() = default;
    // Receives every new state of an operation. Operations of deleted databases are kept for 7
    // days.
    virtual void on_operation(std::shared_ptr<const domain::operation> operation) = 0;
    virtual void on_operation_forgotten(const std::string& id) = 0;
};

class project_observer {
  public:
    virtual ~project_observer() = default;
    virtual void on_project(std::shared_ptr<const domain::project> project) = 0;
    virtual void on_project_deleted(const std::string& name) = 0;
};

class catalogue_observer {
  public:
    virtual ~catalogue_observer() = default;
    virtual void on_catalogue(std::shared_ptr<const ports::catalogue> offer) = 0;
};

// One listener: the observers of what it follows. nullptr: not followed.
struct state_observers {
    database_observer* databases = nullptr;
    operation_observer* operations = nullptr;
    project_observer* projects = nullptr;
    catalogue_observer* catalogue = nullptr;
};

class state_publisher {
  public:
    virtual ~state_publisher() = default;
    // Reports everything that exists at once, then every change. The observers must outlive the
    // publisher.
    virtual void listen(state_observers observers) = 0;
};

}  // namespace app
