#pragma once
// Spans as the JSON of OTLP/HTTP 1.x, and the text formats of the OTEL_ variables. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/failure.hpp"
#include "http/message.hpp"
#include "obs/trace.hpp"

namespace otlp {

using attribute_list = std::vector<std::pair<std::string, std::string>>;

// The process that the spans belong to.
struct resource {
    std::string service_name{};
    std::string service_version{};
    std::string service_instance_id{};
    attribute_list attributes{};  // OTEL_RESOURCE_ATTRIBUTES
};

// Returns the body of POST /v1/traces.
std::string encode(const resource& source, const std::vector<obs::span>& spans);
// Returns the number of spans that a response with a success status rejects (partialSuccess).
std::uint64_t rejected_spans(std::string_view response_body);

// Parses "key=value,key=value"; values are percent-encoded. Errors: invalid. The text of an error
// contains no value.
base::outcome<attribute_list> parse_attributes(std::string_view text);
// As parse_attributes(). Errors: invalid; also for a name or a value that no HTTP header may have.
base::outcome<attribute_list> parse_headers(std::string_view text);

// Returns the URL that receives spans: `traces`, or `base` followed by "/v1/traces". Errors:
// invalid.
base::outcome<http::url> traces_url(std::string_view base, std::string_view traces);

// The sampler of OTEL_TRACES_SAMPLER.
struct sampler {
    bool follows_parent = true;
    double ratio = 1;  // of traces without a parent, or of all traces

    [[nodiscard]] bool samples(const std::optional<obs::trace_context>& parent,
                               const obs::trace_id_bytes& trace_id) const noexcept;
};
// Errors: invalid (an unknown name, or an argument that is not a number from 0 to 1).
base::outcome<sampler> parse_sampler(std::string_view name, std::string_view argument);

// Returns whether the client may send the same spans again after a response.
[[nodiscard]] constexpr bool is_retryable(unsigned status) noexcept {
    return status == 429 || status == 502 || status == 503 || status == 504;
}

}  // namespace otlp
