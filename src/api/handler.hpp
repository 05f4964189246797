#pragma once
// One HTTP loop's requests: middleware around the routes. Inside api only.

#include <memory>
#include <string>

#include "api/api.hpp"
#include "api/read_model/read_model.hpp"
#include "api/routes.hpp"
#include "api/static/static_document.hpp"
#include "api/static/static_site.hpp"
#include "api/stream/stream_hub.hpp"
#include "api/stream/stream_limiter.hpp"
#include "base/random_id.hpp"

namespace api {

// The API's own metrics.
struct api_metrics {
    explicit api_metrics(obs::registry& registry);
    void request(std::string_view route, std::string_view method, unsigned status, double seconds);
    obs::registry* all;
    obs::gauge* in_flight;
    obs::gauge* streams;
};

// What the handlers of all loops share; made by api_impl, outlives the server.
struct api_context {
    api_parts with;
    api_options how;
    api_metrics probe;
    stream_limiter places{how.streams_per_client};
    std::string generation = base::random_id("", 6);  // a word of this process alone
    read_model model{generation};
    std::unique_ptr<const static_document> openapi{};
    std::unique_ptr<const static_site> docs{};
};

std::unique_ptr<http::handler> make_request_handler(api_context& shared,
                                                    std::shared_ptr<stream_hub> hub);

// Who asks. Until identities exist there is one: the administrator of this machine.
struct principal {
    std::string subject;
    bool is_administrator = false;
};
bool is_permitted(const principal& who, std::string_view permission) noexcept;

}  // namespace api
