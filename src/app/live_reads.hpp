#pragma once
// Reads that no cache serves. All functions run on the control loop.

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "aio/task.hpp"
#include "app/commands.hpp"
#include "app/shared_principal.hpp"
#include "domain/metric.hpp"
#include "ports/cluster.hpp"

namespace app {

struct history_request {
    std::string database_id;
    domain::metric_id metric{};
    base::instant begin{};
    base::instant end{};
    std::chrono::seconds step = domain::metrics_interval_default;
};

struct history_points {
    std::chrono::seconds step = domain::metrics_interval_default;
    std::vector<std::pair<base::instant, double>> points;  // NaN = no value in that step
};

// The record that a client has written and wants to read.
struct awaited_record {
    bool is_project = false;    // otherwise a database
    std::string id;             // the name of a project
    std::int64_t revision = 0;  // 0: none, so that the store is read once
};

// The object that the path of a write names.
struct written_object {
    enum class kind : std::uint8_t {
        none,
        database,
        project,
        member,
        api_key,
        user,
        role,
        service_account,
        key_of_account
    };
    kind type = kind::none;
    std::string id{};      // of a member: the project; of a key of an account: the account
    std::string second{};  // the subject of a member, or the id of the key
};

class live_reads {
  public:
    virtual ~live_reads() = default;
    // Waits until the views contain the record with this revision or a newer one, for 2 s at most.
    // Reads the record from the store instead of waiting for the feed. Returns at once if the store
    // has no such record, and after one read of the store if the revision is 0. Errors: unavailable
    // (the store; the revision was not written within the time), corrupt.
    virtual aio::task<> wait_for(awaited_record record) = 0;
    // Reads what decides about the caller from the store, if other replicas write to it: its user,
    // credential, roles. Call it before a write, and check the request again afterwards. Errors:
    // unavailable, corrupt.
    virtual aio::task<> read_caller(shared_principal caller) = 0;
    // The same, and reads the object of the write if this replica does not know it: another one may
    // have created it.
    virtual aio::task<> read_for_write(shared_principal caller, written_object object) = 0;
    // Reads the credentials from the cluster. The log records each call without the value.
    virtual aio::task<ports::credentials> read_credentials(std::string id, caller client) = 0;
    // Errors: not_found, invalid (range; too many points), unsupported (no history of the
    // metric), unavailable.
    virtual aio::task<history_points> read_history(history_request request) = 0;
};

}  // namespace app
