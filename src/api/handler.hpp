#pragma once
// One HTTP loop's requests: middleware around the routes. Inside api only.

#include <memory>
#include <string>

#include "api/api.hpp"
#include "api/docs_site.hpp"
#include "api/fixed_document.hpp"
#include "api/read_model.hpp"
#include "api/routes.hpp"
#include "api/stream_hub.hpp"
#include "api/stream_places.hpp"
#include "base/random_id.hpp"

namespace api {

// The API's own metrics.
struct api_probe {
    explicit api_probe(obs::registry& registry);
    void request(std::string_view route, std::string_view method, unsigned status, double seconds);
    obs::registry* all;
    obs::gauge* in_flight;
    obs::gauge* streams;
};

// What the handlers of all loops share; made by api_impl, outlives the server.
struct shared_state {
    api_parts with;
    api_options how;
    api_probe probe;
    stream_places places{how.streams_per_client};
    std::string generation = base::random_id("", 6);  // a word of this process alone
    read_model model{generation};
    std::unique_ptr<const fixed_document> openapi{};
    std::unique_ptr<const docs_site> docs{};
};

std::unique_ptr<http::handler> make_request_handler(shared_state& shared,
                                                    std::shared_ptr<stream_hub> hub);

// Who asks. Until identities exist there is one: the administrator of this machine.
struct principal {
    std::string subject;
    bool is_administrator = false;
};
bool is_permitted(const principal& who, std::string_view permission) noexcept;

}  // namespace api
