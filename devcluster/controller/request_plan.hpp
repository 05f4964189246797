#pragma once
// What is to be done about OpsRequests: which one is next, which are superseded, what a request
// changes in its database's spec. Pure. Rules: KubeDB's ops-manager (one at a time per database;
// among waiting ones of one type the newest counts).

#include <boost/json/object.hpp>
#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/failure.hpp"
#include "devcluster/controller/kinds.hpp"

namespace controller {

namespace json = boost::json;

// An OpsRequest, as far as this operator cares.
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
    std::optional<base::instant> started{};  // when it became Progressing
    json::object spec{};
    json::array conditions{};

    [[nodiscard]] bool is_over() const;
    [[nodiscard]] bool is_progressing() const { return phase == "Progressing"; }
    [[nodiscard]] bool restarts() const { return type == "Restart" || type == "VerticalScaling"; }
};
ops_request read_request(const json::object& object);

struct request_order {
    const ops_request* next = nullptr;  // into the list that was given
    struct superseded {
        const ops_request* request;
        const ops_request* by;
    };
    std::vector<superseded> skipped;
};
request_order order_requests(std::span<const ops_request> all);

// What the database's spec becomes by the request: a merge patch of it. Failures: invalid,
// unsupported.
base::outcome<json::object> spec_change(const engine_kind& kind, const json::object& spec,
                                        const ops_request& request);
// The patch would change nothing.
bool is_applied(const json::object& patch, const json::object& to);

// "1h5m10s", "90s", "5m"; nothing when it is not a duration of whole seconds. (Go's time package.)
std::optional<std::chrono::seconds> parse_duration(std::string_view text);

}  // namespace controller
