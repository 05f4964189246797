#pragma once
// The order of OpsRequests and their changes to the spec of a database. Pure. The rules are those
// of KubeDB's ops-manager: one request at a time per database; among waiting requests of one type
// the newest supersedes the others.

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/failure.hpp"
#include "devcluster/controller/kinds.hpp"
#include "json/json.hpp"

namespace controller {

// The members of an OpsRequest that this operator uses.
struct ops_request {
    std::string ns;
    std::string name;
    std::string uid;
    std::string database;  // name
    std::string type;
    std::string phase;
    std::string created;  // RFC 3339
    std::int64_t generation = 0;
    bool applies_always = false;
    std::chrono::seconds timeout{300};
    std::optional<base::instant> started{};  // time of the phase Progressing
    json::object spec{};
    json::array conditions{};

    [[nodiscard]] bool is_over() const;
    [[nodiscard]] bool is_progressing() const { return phase == "Progressing"; }
    [[nodiscard]] bool restarts() const { return type == "Restart" || type == "VerticalScaling"; }
};
ops_request read_request(const json::object& object);

struct request_order {
    const ops_request* next = nullptr;  // points into the given list
    struct superseded {
        const ops_request* request;
        const ops_request* winner;
    };
    std::vector<superseded> skipped;
};
request_order order_requests(std::span<const ops_request> all);

// Returns the merge patch that the request applies to the database's spec. Errors: invalid,
// unsupported.
base::outcome<json::object> spec_change(const engine_kind& kind, const json::object& spec,
                                        const ops_request& request);
// True if the patch changes nothing.
bool is_applied(const json::object& patch, const json::object& spec);

// "1h5m10s", "90s", "5m"; nullopt if the text is not a duration of whole seconds (format of Go's
// time package).
std::optional<std::chrono::seconds> parse_duration(std::string_view text);

}  // namespace controller
