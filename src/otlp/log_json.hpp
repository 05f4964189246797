#pragma once
// Log lines as the JSON of OTLP/HTTP 1.x. Pure.

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "obs/log.hpp"
#include "otlp/attributes.hpp"

namespace otlp {

struct log_record {
    using value = std::variant<std::string, bool, double, std::int64_t>;

    base::instant time{};
    obs::level severity = obs::level::info;
    std::string event;
    std::vector<std::pair<std::string, value>> fields;
};

// Returns the body of POST /v1/logs. The event is the body of the record.
std::string encode_logs(const resource& source, const std::vector<log_record>& records);

}  // namespace otlp
