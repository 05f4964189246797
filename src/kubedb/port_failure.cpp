#include "kubedb/port_failure.hpp"

#include <utility>

#include "http/client.hpp"
#include "kube/status_reason.hpp"

namespace kubedb {

base::failure port_failure(base::failure failure, std::string_view activity, obs::log& log) {
    const auto status = failure.cause.as<kube::status_reason>();
    const bool is_private = status || failure.cause.as<http::failure_cause>();
    if (is_private) {
        failure.reason.clear();
        failure.cause = {};
    }
    if (status == kube::status_reason::unauthorized) {
        log.error("cluster_login_lost", {{"activity", activity}, {"detail", failure.text}});
        failure.text =
            "the cluster does not accept the platform's login; the platform's log says "
            "why";
        failure.retry_after.reset();
    }
    if (failure.code == base::errc::unavailable && failure.reason.empty()) {
        failure.reason = "cluster_unavailable";
    }
    return failure;
}

}  // namespace kubedb
