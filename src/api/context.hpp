#pragma once
// The state of the API and of one request. Inside api only.

#include <memory>
#include <string>
#include <string_view>

#include "api/api.hpp"
#include "api/api_metrics.hpp"
#include "api/read_model/read_model.hpp"
#include "api/routes.hpp"
#include "api/static/static_document.hpp"
#include "api/static/static_site.hpp"
#include "api/stream/stream_limiter.hpp"
#include "base/random_id.hpp"
#include "domain/access.hpp"

namespace api {

// Shared by the handlers of all HTTP loops. Owned by api_impl; outlives the server.
struct api_context {
    api_deps deps;
    api_options options;
    api_metrics metrics;
    stream_limiter streams{options.streams_per_client};
    std::string process_epoch = base::random_id("", 6);  // part of every stream event id
    read_model model;
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
    std::string allowed_origin{};  // the Origin header, if the configuration allows it
    const ::api::route* route = nullptr;
    std::string parameter{};         // decoded value of {..} in the route's pattern
    std::string second_parameter{};  // of the second {..}
    std::shared_ptr<const domain::principal> principal{};  // null on public routes
    // The object named by the path does not exist, or the principal may not see it.
    bool hides_target = false;

    // Precondition: the route is not public.
    [[nodiscard]] domain::visible_projects visible() const {
        return domain::visible_projects(principal);
    }
    // The name under which the caller's idempotency keys are kept. Two credentials of one subject
    // may have different permissions, so neither may replay the responses of the other.
    [[nodiscard]] std::string idempotency_scope() const {
        return principal->credential.empty() ? principal->subject
                                             : principal->subject + " " + principal->credential;
    }
    [[nodiscard]] app::caller caller() const {
        return {.subject = principal ? principal->subject : std::string(),
                .request_id = request_id};
    }
};

}  // namespace api
