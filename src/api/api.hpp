#pragma once
// The REST API: routes, documents, streams. make_api() wires it to the platform; make_handler()
// runs once per HTTP loop. The HTTP loop serves reads from the read model; writes run on the
// control loop.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "aio/aio.hpp"
#include "api/limits/rate_limits.hpp"
#include "app/identity/external_login.hpp"
#include "app/platform.hpp"
#include "app/readiness.hpp"
#include "base/clock.hpp"
#include "http/server.hpp"
#include "obs/log.hpp"
#include "obs/metrics.hpp"
#include "obs/trace.hpp"
#include "ports/authenticator.hpp"
#include "ports/identity_provider.hpp"
#include "ports/rate_limiter.hpp"

namespace api {

struct api_deps {
    app::platform platform;
    aio::executor control;
    const app::readiness& health;
    obs::registry& registry;
    obs::log& log;
    const base::clock& clock;
    const ports::authenticator& authenticator;
    // Shared by the replicas; on the control loop. nullptr: each replica admits its share.
    ports::rate_limiter* shared_limits = nullptr;
    obs::tracer& tracer = obs::null_tracer();
    // Both or neither; on the control loop. nullptr: no logins at OpenID issuers.
    ports::identity_provider* provider = nullptr;
    app::external_login* logins = nullptr;
    ports::credential_lookup* lookup = nullptr;  // nullptr: the authenticator never needs it
};

struct api_options {
    std::vector<std::string> cors_origins;
    // Accepted Host headers (middleware/allowed_hosts.hpp). Empty: every host.
    std::vector<std::string> hosts{};
    bool is_public_url_secure = true;       // https, which cookies need
    bool is_auth_required = false;          // as GET /api/v1/auth/methods reports it
    std::size_t streams_per_client = 1000;  // per address; further streams get a 429
    rate_limit_options limits{};
};

class api {
  public:
    virtual ~api() = default;
    // Fills the read model. Runs on the control loop, after the platform is loaded and before the
    // server starts.
    virtual void attach() = 0;
    virtual std::unique_ptr<http::handler> make_handler(aio::executor loop) = 0;
};

// The dependencies must outlive the API, and the API must outlive the HTTP server.
std::unique_ptr<api> make_api(api_deps deps, api_options options);

// Returns the OpenAPI 3.1 document of /api/v1/openapi.json.
std::string openapi_document();
// Returns the viewer of /docs, such as "Swagger UI 5.33.1"; "" if the build has none.
std::string_view api_viewer() noexcept;

}  // namespace api
