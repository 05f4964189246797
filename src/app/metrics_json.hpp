#pragma once
// The JSON text of a database's newest metrics in the store. Pure.

#include <memory>
#include <string>
#include <string_view>

#include "app/database_view.hpp"
#include "base/failure.hpp"

namespace app {

// The newest metrics of a database, as its owner knows them.
struct stored_metrics {
    std::shared_ptr<const domain::metrics_sample> sample;  // null before the first success
    metrics_state state = metrics_state::pending;          // of the last scrape
    std::string reason{};                                  // why it is not fresh
    std::string message{};                                 // for people
};

std::string encode(const stored_metrics& source);
// Skips metrics that this program does not know: a newer replica may have written them. Errors:
// corrupt (not what encode() writes).
base::outcome<stored_metrics> decode_metrics(std::string_view text);

}  // namespace app
