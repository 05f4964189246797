#pragma once
// Handles the requests of one HTTP loop: middleware, then an endpoint. Inside api only.

#include <memory>

#include "api/context.hpp"
#include "api/stream/stream_hub.hpp"
#include "http/server.hpp"

namespace api {

// The context must outlive the handler.
std::unique_ptr<http::handler> make_request_handler(api_context& api,
                                                    std::shared_ptr<stream_hub> hub);

}  // namespace api
