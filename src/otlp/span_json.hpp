#pragma once
// Spans as the JSON of OTLP/HTTP 1.x, and the samplers. Pure.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"
#include "obs/trace.hpp"
#include "otlp/attributes.hpp"

namespace otlp {

// Returns the body of POST /v1/traces.
std::string encode_spans(const resource& source, const std::vector<obs::span>& spans);

// The sampler of OTEL_TRACES_SAMPLER.
struct sampler {
    bool follows_parent = true;
    double ratio = 1;  // of traces without a parent, or of all traces

    [[nodiscard]] bool samples(const std::optional<obs::trace_context>& parent,
                               const obs::trace_id_bytes& trace_id) const noexcept;
};
// Errors: invalid (an unknown name, or an argument that is not a number from 0 to 1).
base::outcome<sampler> parse_sampler(std::string_view name, std::string_view argument);

}  // namespace otlp
