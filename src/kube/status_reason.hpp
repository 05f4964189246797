#pragma once
// The reasons of the Status objects of the API server, as causes of failures (base/cause.hpp).
// Kubernetes: apimachinery, pkg/apis/meta/v1, StatusReason. Pure.

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/failure.hpp"

namespace kube {

enum class status_reason : std::uint8_t {
    not_found,
    already_exists,
    conflict,
    gone,
    expired,
    invalid,
    bad_request,
    unsupported_media_type,
    not_acceptable,
    request_entity_too_large,
    unauthorized,
    forbidden,
    too_many_requests,
    service_unavailable,
    internal_error,
    server_timeout,
    timeout,
    method_not_allowed,
    unknown,     // of a later version of Kubernetes; the HTTP status decides the code
    not_served,  // not of Kubernetes: a 404 without a Status
};

// Returns Kubernetes' spelling: "AlreadyExists". not_served is "not_served".
std::string_view name(status_reason value) noexcept;
// Returns `unknown` for a reason that is not in the enum. Returns nullopt for an empty text.
std::optional<status_reason> status_reason_of(std::string_view text) noexcept;
// Returns the code of all failures with the reason.
base::errc code_of(status_reason value) noexcept;

}  // namespace kube
