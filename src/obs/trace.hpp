#pragma once
// Traces: the context of W3C Trace Context, spans, and the interface that modules report spans to.
// Reporting never blocks. The exporter is the module `otlp`. Thread: any.

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "obs/log.hpp"

namespace obs {

using trace_id_bytes = std::array<unsigned char, 16>;
using span_id_bytes = std::array<unsigned char, 8>;

// Names a span and its trace. An id of zeros is invalid and means that there is none.
struct trace_context {
    trace_id_bytes trace_id{};
    span_id_bytes span_id{};
    bool is_sampled = false;
    bool operator==(const trace_context&) const = default;

    [[nodiscard]] bool has_trace() const noexcept { return trace_id != trace_id_bytes{}; }
};

// Parses the header traceparent: "00-<32 hex>-<16 hex>-<2 hex>". Returns nullopt for another form,
// an id of zeros, and the version ff. A version above 00 may have further parts, which are ignored.
std::optional<trace_context> parse_traceparent(std::string_view text) noexcept;
// Returns the header of version 00.
std::string to_traceparent(const trace_context& context);
// Return lower-case hexadecimal text.
std::string hex_text(const trace_id_bytes& id);
std::string hex_text(const span_id_bytes& id);

// The field trace_id of a log line, without an allocation. Outlives the call of the log.
class trace_field {
  public:
    explicit trace_field(const trace_context& context) noexcept;
    // Returns a field without a name, which the log omits, if the context has no trace.
    [[nodiscard]] field value() const noexcept;

  private:
    std::array<char, 32> text_{};
    bool has_trace_;
};

// The values are those of OTLP.
enum class span_kind : std::uint8_t { internal = 1, server = 2, client = 3 };
enum class span_status : std::uint8_t { unset = 0, ok = 1, error = 2 };

// A span that has ended. Its attributes must not contain secrets, query strings or bodies.
struct span {
    trace_context context{};
    span_id_bytes parent_id{};  // zeros: the span is the root of the trace
    span_kind kind = span_kind::internal;
    std::string name{};
    base::instant start{};
    std::chrono::nanoseconds duration{};
    span_status status = span_status::unset;
    std::vector<std::pair<std::string, std::string>> attributes{};
    std::vector<std::pair<std::string, std::int64_t>> numbers{};
};

class tracer {
  public:
    virtual ~tracer() = default;
    // Returns whether start() can return a sampled context.
    [[nodiscard]] virtual bool is_enabled() const noexcept = 0;
    // Returns the context of a new span: in the trace of `parent`, or in a new trace. The sampler
    // decides whether the span is sampled. A span that is not sampled has no id.
    [[nodiscard]] virtual trace_context start(
        const std::optional<trace_context>& parent) noexcept = 0;
    // Takes a sampled span. Counts it as dropped if the queue is full.
    virtual void finish(span ended) noexcept = 0;
};

// Returns a tracer that samples nothing. The object lives until the program ends.
tracer& null_tracer() noexcept;

// A span while its work runs: reported by the destructor. Does nothing, and does not allocate, if
// the span is not sampled. Thread: that of the work.
class active_span {
  public:
    struct settings {
        span_kind kind = span_kind::internal;
        std::string_view name{};    // followed by `object`, if it is not empty
        std::string_view object{};  // "put" "databases"
    };
    // Starts a child of `parent`. Is inactive if there is no parent or the parent is not sampled.
    active_span(tracer& target, const base::clock& clock,
                const std::optional<trace_context>& parent, const settings& settings);
    // Starts the root of a new trace. Is inactive if the sampler does not select it.
    active_span(tracer& target, const base::clock& clock, const settings& settings);
    ~active_span();
    active_span(const active_span&) = delete;
    active_span& operator=(const active_span&) = delete;

    [[nodiscard]] bool is_active() const noexcept { return data_.context.is_sampled; }
    [[nodiscard]] const trace_context& context() const noexcept { return data_.context; }
    // Return the context for children; nullopt if the span is inactive.
    [[nodiscard]] std::optional<trace_context> child_parent() const noexcept;
    void add(std::string_view name, std::string_view value);
    void add(std::string_view name, std::int64_t value);
    // Marks the span as failed. `error_type` is the name of an error code.
    void fail(std::string_view error_type);

  private:
    void begin(const settings& settings);

    tracer& tracer_;
    const base::clock& clock_;
    base::steady_time started_at_{};
    span data_{};
};

}  // namespace obs
