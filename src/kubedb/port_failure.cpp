#include "kubedb/port_failure.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "http/client.hpp"
#include "kube/status_reason.hpp"

namespace kubedb {
namespace {

struct field_cause {
    std::string_view reason;  // of Kubernetes: apimachinery, CauseType
    std::string_view code;    // of the platform
};
constexpr std::array field_causes{
    field_cause{"FieldValueRequired", "required"},
    field_cause{"FieldValueInvalid", "invalid_value"},
    field_cause{"FieldValueTypeInvalid", "wrong_type"},
    field_cause{"FieldValueNotSupported", "unknown_value"},
    field_cause{"FieldValueForbidden", "unsupported"},
    field_cause{"FieldValueTooLong", "too_long"},
    field_cause{"FieldValueTooMany", "too_many"},
    field_cause{"FieldValueDuplicate", "duplicate"},
    field_cause{"FieldValueNotFound", "not_found"},
};

// Returns the platform's code for the reason of a cause. The platform's own codes stay as they are.
std::string code_of_field(std::string_view reason) {
    const auto* it = std::ranges::find(field_causes, reason, &field_cause::reason);
    if (it != field_causes.end()) return std::string(it->code);
    const bool is_own = !reason.empty() && std::ranges::none_of(reason, [](char c) {
        return c >= 'A' && c <= 'Z';  // Kubernetes writes its reasons in CamelCase
    });
    return is_own ? std::string(reason) : "rejected_by_cluster";
}

}  // namespace

base::failure port_failure(base::failure failure, std::string_view activity, obs::log& log) {
    const auto status = failure.cause.as<kube::status_reason>();
    const bool is_private = status || failure.cause.as<http::failure_cause>();
    if (is_private) {
        failure.reason.clear();
        failure.cause = {};
    }
    for (auto& field : failure.fields) field.code = code_of_field(field.code);
    if (status == kube::status_reason::unauthorized) {
        log.error("cluster_login_lost", {{"activity", activity}, {"detail", failure.text}});
        failure.text =
            "the cluster does not accept the platform's login; the platform's log says "
            "why";
        failure.retry_after.reset();
    }
    // A 410 concerns a version in the history of the server, never the object of the client.
    if (failure.code == base::errc::gone) failure.code = base::errc::unavailable;
    if (failure.code == base::errc::unavailable && failure.reason.empty()) {
        failure.reason = "cluster_unavailable";
    }
    return failure;
}

}  // namespace kubedb
