#include "app/operation_trace.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/fnv1a.hpp"
#include "domain/operation_lifecycle.hpp"

namespace app {
namespace {

obs::span_id_bytes span_id_of(const domain::operation& source) {
    obs::span_id_bytes id{};
    auto hash = base::fnv1a(source.id) | 1U;  // an id of zeros is invalid
    for (auto& byte : id) {
        byte = static_cast<unsigned char>(hash & 0xFFU);
        hash >>= 8U;
    }
    return id;
}

obs::span span_of(const domain::operation& source, const obs::trace_context& request) {
    obs::span ended{.context = request,
                    .parent_id = request.span_id,
                    .name = fmt::format("operation {}", name(source.kind)),
                    .start = source.created_at,
                    .duration = source.finished_at.value_or(source.created_at) - source.created_at,
                    .attributes = {{"dbaas.operation_id", source.id},
                                   {"dbaas.database_id", source.database_id},
                                   {"dbaas.project", source.project},
                                   {"dbaas.operation_phase", std::string(name(source.phase))}}};
    ended.context.span_id = span_id_of(source);
    if (source.phase == domain::operation_phase::failed) {
        ended.status = obs::span_status::error;
        ended.attributes.emplace_back("error.type", source.error_code);
    }
    return ended;
}

}  // namespace

std::optional<obs::trace_context> context_of(const domain::operation& source) {
    auto context = obs::parse_traceparent(source.traceparent);
    if (context) context->span_id = span_id_of(source);
    return context;
}

std::optional<obs::trace_context> active_context(const domain::database& record) {
    const auto* active = domain::active_operation(record);
    if (active == nullptr) return std::nullopt;
    return context_of(*active);
}

std::optional<obs::trace_context> parent_of_write(const domain::database* before,
                                                  const domain::database& after,
                                                  record_origin origin) {
    const auto* active = domain::active_operation(after);
    if (active == nullptr && before != nullptr) active = domain::active_operation(*before);
    if (active == nullptr) return std::nullopt;
    if (origin == record_origin::command) return obs::parse_traceparent(active->traceparent);
    return context_of(*active);
}

std::vector<const domain::operation*> ended_operations(const domain::database& before,
                                                       const domain::database& after) {
    std::vector<const domain::operation*> result;
    for (const auto& operation : after.operations) {
        if (!operation.is_terminal()) continue;
        const auto earlier =
            std::ranges::find(before.operations, operation.id, &domain::operation::id);
        const bool has_ended = earlier != before.operations.end() && !earlier->is_terminal();
        if (has_ended) result.push_back(&operation);
    }
    return result;
}

void report_ended(obs::tracer& tracer, const std::vector<const domain::operation*>& ended) {
    if (!tracer.is_enabled()) return;
    for (const auto* const operation : ended) {
        const auto request = obs::parse_traceparent(operation->traceparent);
        if (request && request->is_sampled) tracer.finish(span_of(*operation, *request));
    }
}

}  // namespace app
