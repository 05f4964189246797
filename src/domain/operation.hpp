#pragma once
// Operations: the asynchronous work that one accepted request starts. Plain values.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace domain {

using base::instant;

enum class operation_kind : std::uint8_t {
    create,
    update,
    pause,
    resume,
    recreate,
    delete_database
};
enum class operation_phase : std::uint8_t {
    queued,
    running,
    succeeded,
    failed,
    cancelled,
    superseded
};

struct operation_step {
    std::string name;  // "create_object", "apply_pause", "vertical_scaling", "horizontal_scaling",
                       // "volume_expansion", ...
    operation_phase phase = operation_phase::queued;
    std::string message;
    bool operator==(const operation_step&) const = default;
};

struct operation {
    std::string id;  // "op-" + 12
    operation_kind kind = operation_kind::create;
    std::string database_id;
    std::string project;
    operation_phase phase = operation_phase::queued;
    int progress = 0;  // percent
    std::vector<operation_step> steps;
    instant created_at{};
    std::optional<instant> started_at;
    std::optional<instant> finished_at;
    std::string error_code;  // empty unless failed
    std::string error_message;
    std::string requested_by;
    // The client's Idempotency-Key and a fingerprint of its request, so that a retry is recognized
    // even if the first response was lost. Empty without a key.
    std::string idempotency_key;
    std::string request_digest;
    // The trace of the request, as in its header traceparent. Empty: the operation is not traced.
    std::string traceparent;
    bool operator==(const operation&) const = default;

    [[nodiscard]] bool is_terminal() const noexcept {
        return phase != operation_phase::queued && phase != operation_phase::running;
    }
};

std::string_view name(operation_kind) noexcept;
std::string_view name(operation_phase) noexcept;
// Returns std::nullopt for another text.
std::optional<operation_kind> operation_kind_from(std::string_view text) noexcept;
// Returns std::nullopt for another text.
std::optional<operation_phase> operation_phase_from(std::string_view text) noexcept;

}  // namespace domain
