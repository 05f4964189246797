#include "kube/status_reason.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace kube {
namespace {

using base::errc;

struct reason_row {
    status_reason value;
    std::string_view spelling;
    errc code;
};

// In the order of the enum.
constexpr std::array rows{
    reason_row{status_reason::not_found, "NotFound", errc::not_found},
    reason_row{status_reason::already_exists, "AlreadyExists", errc::conflict},
    reason_row{status_reason::conflict, "Conflict", errc::precondition},
    reason_row{status_reason::gone, "Gone", errc::gone},
    reason_row{status_reason::expired, "Expired", errc::gone},
    reason_row{status_reason::invalid, "Invalid", errc::invalid},
    reason_row{status_reason::bad_request, "BadRequest", errc::invalid},
    reason_row{status_reason::unsupported_media_type, "UnsupportedMediaType", errc::invalid},
    reason_row{status_reason::not_acceptable, "NotAcceptable", errc::invalid},
    reason_row{status_reason::request_entity_too_large, "RequestEntityTooLarge", errc::invalid},
    reason_row{status_reason::unauthorized, "Unauthorized", errc::denied},
    reason_row{status_reason::forbidden, "Forbidden", errc::denied},
    reason_row{status_reason::too_many_requests, "TooManyRequests", errc::unavailable},
    reason_row{status_reason::service_unavailable, "ServiceUnavailable", errc::unavailable},
    reason_row{status_reason::internal_error, "InternalError", errc::unavailable},
    reason_row{status_reason::server_timeout, "ServerTimeout", errc::unavailable},
    reason_row{status_reason::timeout, "Timeout", errc::timed_out},
    reason_row{status_reason::method_not_allowed, "MethodNotAllowed", errc::unsupported},
    reason_row{status_reason::unknown, "unknown", errc::unavailable},
    reason_row{status_reason::not_served, "not_served", errc::unavailable},
};
static_assert(rows.size() == std::size_t(status_reason::not_served) + 1);
static_assert([] {
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (rows[i].value != status_reason(i)) return false;
    }
    return true;
}());

const reason_row& row_of(status_reason value) noexcept {
    return rows[static_cast<std::size_t>(value)];
}

}  // namespace

std::string_view name(status_reason value) noexcept {
    return row_of(value).spelling;
}

std::optional<status_reason> status_reason_of(std::string_view text) noexcept {
    if (text.empty()) return std::nullopt;
    const auto row = std::ranges::find(rows, text, &reason_row::spelling);
    if (row == rows.end() || row->value == status_reason::not_served) return status_reason::unknown;
    return row->value;
}

base::errc code_of(status_reason value) noexcept {
    return row_of(value).code;
}

}  // namespace kube
