#pragma once
// How long the unfinished operations of the databases have run, on the monotonic clock of this
// process: a wrong wall clock of any replica neither ends an operation early nor keeps it. Counts
// from the moment at which this process first saw the operation running, also if another replica
// ran it then. Lives on the control loop.

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "domain/desired.hpp"

namespace app {

class operation_ages {
  public:
    // Notes the running operation of this version of the record, and forgets one that has ended.
    void note(const domain::database& record, base::steady_time now);
    void forget(std::string_view database_id);
    // Returns the age of the unfinished operation of the record; 0 if note() has not seen it run.
    [[nodiscard]] std::chrono::nanoseconds age(const domain::database& record,
                                               base::steady_time now) const;
    [[nodiscard]] std::size_t size() const noexcept { return running_.size(); }

  private:
    struct running_operation {
        std::string id;
        base::steady_time first_seen;
    };
    std::map<std::string, running_operation, std::less<>> running_;  // by the id of the database
};

}  // namespace app
