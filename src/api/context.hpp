#pragma once
// The state of the API and of one request. Inside api only.

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "api/api.hpp"
#include "api/api_metrics.hpp"
#include "api/audit/audit_filter.hpp"
#include "api/limits/rate_limits.hpp"
#include "api/read_model/read_model.hpp"
#include "api/routes.hpp"
#include "api/static/static_document.hpp"
#include "api/static/static_site.hpp"
#include "api/stream/event_ids.hpp"
#include "api/stream/stream_limiter.hpp"
#include "base/secret.hpp"
#include "domain/access.hpp"

namespace api {

// Shared by the handlers of all HTTP loops. Owned by api_impl; outlives the server.
struct api_context {
    api_deps deps;
    api_options options;
    api_metrics metrics;
    stream_limiter streams{options.streams_per_client};
    rate_limits rates{options.limits, deps.shared_limits != nullptr, deps.registry};
    audit_filter denials{};
    event_ids ids{};  // of the events of all streams
    read_model model;
    std::atomic<int> expositions_in_flight{0};
    std::unique_ptr<const static_document> openapi{};
    std::unique_ptr<const static_site> docs{};
};

// One request, from its arrival to its response. Middleware fills it in; every endpoint, list and
// stream receives it. Belongs to the connection's HTTP loop.
struct request_context {
    api_context& api;
    std::string request_id{};
    std::string_view method{};
    base::steady_time started_at{};
    obs::trace_context trace{};        // of the span of this request
    obs::span_id_bytes parent_span{};  // of the client; zeros: none
    std::string allowed_origin{};      // the Origin header, if the configuration allows it
    const ::api::route* route = nullptr;
    std::string parameter{};         // decoded value of {..} in the route's pattern
    std::string second_parameter{};  // of the second {..}
    std::shared_ptr<const domain::principal> principal{};  // null on public routes
    base::secret authorization{};  // of a stream: the header, or the session cookie in its form
    // The object named by the path does not exist, or the principal may not see it.
    bool hides_target = false;
    std::string login{};                   // the user of a login or a refresh, or "unknown"
    std::string login_method{"password"};  // or "oidc:ISSUER"; of a refresh "session:ID"
    std::optional<met_limit> limit{};      // of the caller, if its requests are limited
    // Another system must verify the credential before the checks continue.
    bool needs_lookup = false;

    // Returns the projects in which the caller has the permission. Precondition: the route is not
    // public.
    [[nodiscard]] domain::visible_projects visible(
        domain::permission action = domain::permission::read_databases) const {
        return domain::visible_projects(principal, action);
    }
    // The name under which the caller's idempotency keys are kept. Two credentials of one subject
    // may have different permissions, so neither may replay the responses of the other.
    [[nodiscard]] std::string idempotency_scope() const {
        return principal->credential.empty() ? principal->subject
                                             : principal->subject + " " + principal->credential;
    }
    [[nodiscard]] app::caller caller() const {
        return {.subject = principal ? principal->subject : std::string(),
                .request_id = request_id,
                .trace = trace};
    }
};

}  // namespace api
