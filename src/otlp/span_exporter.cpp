#include "otlp/span_exporter.hpp"

#include <cstring>
#include <random>

namespace otlp {
namespace {

constexpr signal spans{.not_exported = "traces_not_exported",
                       .rejected = "traces_rejected",
                       .items = "spans",
                       .rejected_items = "rejectedSpans"};

// SplitMix64. Ids must differ; they need not be unpredictable. Each request needs bits, so this is
// part of the cost of a cached read.
std::uint64_t random_bits() noexcept {
    thread_local std::uint64_t state =
        (std::uint64_t{std::random_device{}()} << 32U) ^ std::random_device{}();
    state += 0x9E37'79B9'7F4A'7C15U;
    auto bits = state;
    bits = (bits ^ (bits >> 30U)) * 0xBF58'476D'1CE4'E5B9U;
    bits = (bits ^ (bits >> 27U)) * 0x94D0'49BB'1331'11EBU;
    return bits ^ (bits >> 31U);
}

template <std::size_t Size>
void fill(std::array<unsigned char, Size>& id) noexcept {
    static_assert(Size % sizeof(std::uint64_t) == 0);
    for (std::size_t i = 0; i < Size; i += sizeof(std::uint64_t)) {
        const auto bits = random_bits() | (i == 0 ? 1U : 0U);  // an id of zeros is invalid
        std::memcpy(id.data() + i, &bits, sizeof(bits));
    }
}

}  // namespace

span_exporter::span_exporter(exporter_options options, sampler choice, const base::clock& clock,
                             obs::registry& registry, obs::log& log)
    : sampler_(choice),
      sender_(std::move(options), spans, encode_spans,
              {.clock = clock,
               .log = log,
               .exported = registry.make_counter("dbaas_spans_exported_total",
                                                 "Spans that the collector has accepted."),
               .dropped = registry.make_counter(
                   "dbaas_spans_dropped_total",
                   "Spans that were lost: the queue was full, or the collector rejected them.")}) {
    registry.make_callback_gauge("dbaas_spans_queued", "Spans that wait for the collector.", {},
                                 [this] { return static_cast<double>(queued()); });
}

obs::trace_context span_exporter::start(const std::optional<obs::trace_context>& parent) noexcept {
    obs::trace_context context;
    if (parent) {
        context.trace_id = parent->trace_id;
    } else {
        fill(context.trace_id);
    }
    context.is_sampled = sampler_.samples(parent, context.trace_id);
    if (context.is_sampled) fill(context.span_id);
    return context;
}

}  // namespace otlp
