#pragma once
// Everything cached about one database, as the platform publishes it. Plain values; immutable once
// published.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "domain/desired.hpp"
#include "domain/metric.hpp"
#include "domain/observed.hpp"
#include "domain/status.hpp"

namespace app {

enum class metrics_state : std::uint8_t { pending, fresh, stale, unavailable };
std::string_view name(metrics_state state) noexcept;  // "fresh", ...

// Each change publishes a new view; a view never changes.
struct database_view {
    std::shared_ptr<const domain::database> record;
    std::shared_ptr<const domain::observed_database>
        observed;  // null until the cluster reported it
    domain::status status;
    std::shared_ptr<const domain::metrics_sample>
        sample;  // newest successful scrape; null before the first
    metrics_state metrics = metrics_state::pending;
    std::string metrics_reason;  // why not fresh: "timed_out", "not_running", ...; empty when fresh
    std::string metrics_message;  // of the failed scrape, for people; may be empty
    std::chrono::seconds metrics_interval = domain::metrics_interval_default;
    std::uint64_t version = 0;  // grows with every publication of any database
};

}  // namespace app
