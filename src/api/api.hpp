#pragma once
// The REST API: routes, documents, streams. make_api() wires it to the platform; make_handler() is
// called once per HTTP loop. Reads are answered on the HTTP loop from the read model; writes hop to
// the control loop.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "aio/aio.hpp"
#include "app/platform.hpp"
#include "app/readiness.hpp"
#include "base/clock.hpp"
#include "http/server.hpp"
#include "obs/log.hpp"
#include "obs/metrics.hpp"

namespace api {

struct api_parts {
    app::platform& platform;
    aio::executor control;
    const app::readiness& health;
    obs::registry& registry;
    obs::log& log;
    const base::clock& clock;
};

struct api_options {
    std::vector<std::string> cors_origins;
    // Names that requests may call the server by (served_host.hpp); empty: any.
    std::vector<std::string> hosts{};
    std::size_t streams_per_client = 1000;  // by address; beyond: 429
};

class api {
  public:
    virtual ~api() = default;
    // On the control loop, after the platform was loaded and before requests: fills the read model.
    virtual void attach() = 0;
    virtual std::unique_ptr<http::handler> make_handler(aio::executor loop) = 0;
};

// The parts must outlive it; it must outlive the HTTP server.
std::unique_ptr<api> make_api(api_parts with, api_options how);

// OpenAPI 3.1, as served at /api/v1/openapi.json.
std::string openapi_document();
// What shows it at /docs: "Swagger UI 5.33.1"; "" where the build had no viewer.
std::string_view api_viewer() noexcept;

}  // namespace api
