#pragma once
// The audit log as the api module uses it. Thread: the control loop, except finish() and note().

#include <optional>
#include <string>
#include <vector>

#include "aio/task.hpp"
#include "app/audit/audited.hpp"
#include "base/clock.hpp"

namespace app {

struct audit_query {
    std::string actor{};  // the rows have all of the values that are not empty
    std::string action{};
    std::string project{};
    std::string object{};
    std::string outcome{};
    std::optional<base::instant> begin{};
    std::optional<base::instant> end{};  // exclusive
    std::string cursor{};
    std::size_t limit = 100;
};

struct audit_page {
    std::vector<std::string> rows;  // lines, oldest first
    std::string next;               // cursor of the next page; empty on the last page
};

// The end of a request.
struct audit_result {
    unsigned status = 0;
    std::string project{};  // replaces an empty one
    std::string object{};
    std::string etag{};
    std::string actor{};
    std::string via{};
};

class audit_log {
  public:
    virtual ~audit_log() = default;
    // Writes the row before an act and returns the proof. Errors: unavailable (the row is not
    // written, so the act must not happen), cancelled.
    virtual aio::task<audited> begin(audit_event event) = 0;
    // Writes the row after the act, later and again if the store fails. Thread: any.
    virtual void finish(audited act, audit_result result) = 0;
    // Writes the only row about a request that was denied. Surplus rows are dropped and counted.
    // Thread: any.
    virtual void note(audit_event event) = 0;
    // Errors: unavailable.
    virtual aio::task<audit_page> find(audit_query query) = 0;
};

}  // namespace app
