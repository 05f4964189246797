#include "domain/observed.hpp"

#include <fmt/format.h>

namespace domain {

bool is_ours(const database& record, const observed_database& observed) noexcept {
    return observed.exists && observed.uid == record.object_uid;
}

std::string explain(const observed_database& observed) {
    const event* warning = nullptr;
    for (const auto& each : observed.events) {
        if (each.type == "Warning") warning = &each;
    }
    const condition* cause = nullptr;
    for (const auto& each : observed.conditions) {
        const bool bad =
            !each.status && (each.type == "AcceptingConnection" || each.type == "ReplicaReady" ||
                             each.type == "Ready" || each.type == "Provisioned");
        if (bad && !each.message.empty() && cause == nullptr) cause = &each;
    }
    std::string text;
    if (cause != nullptr) text = cause->message;
    if (warning != nullptr && observed.phase != observed_phase::ready) {
        text +=
            fmt::format("{}{}: {}", text.empty() ? "" : "; ", warning->reason, warning->message);
    }
    return text;
}

}  // namespace domain
