#include "otlp/log_exporter.hpp"

#include <type_traits>

namespace otlp {
namespace {

constexpr signal logs{.not_exported = "logs_not_exported",
                      .rejected = "logs_rejected",
                      .items = "lines",
                      .rejected_items = "rejectedLogRecords"};

log_record::value owned(const obs::field::value_type& value) {
    return std::visit(
        [](const auto& known) -> log_record::value {
            using type = std::remove_cvref_t<decltype(known)>;
            if constexpr (std::is_same_v<type, std::string_view>) {
                return std::string(known);
            } else if constexpr (std::is_same_v<type, std::uint64_t>) {
                return static_cast<std::int64_t>(known);
            } else {
                return known;
            }
        },
        value);
}

}  // namespace

log_exporter::log_exporter(exporter_options options, const base::clock& clock,
                           obs::registry& registry, obs::log& log)
    : clock_(clock),
      sender_(std::move(options), logs, encode_logs,
              {.clock = clock,
               .log = log,
               .exported = registry.make_counter("dbaas_log_lines_exported_total",
                                                 "Log lines that the collector has accepted."),
               .dropped = registry.make_counter("dbaas_log_lines_export_dropped_total",
                                                "Log lines that the collector did not receive: the "
                                                "queue was full, or it rejected them.")}) {
    registry.make_callback_gauge("dbaas_log_lines_export_queued",
                                 "Log lines that wait for the collector.", {},
                                 [this] { return static_cast<double>(queued()); });
}

void log_exporter::write(obs::level severity, std::string_view event,
                         std::initializer_list<obs::field> fields) {
    log_record line{.time = clock_.utc_now(), .severity = severity, .event = std::string(event)};
    for (const auto& field : fields) {
        if (!field.key().empty()) {
            line.fields.emplace_back(std::string(field.key()), owned(field.value()));
        }
    }
    sender_.push(std::move(line));
}

}  // namespace otlp
