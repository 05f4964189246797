#pragma once
// GET /stream: the snapshot of the read model, then its changes. Inside api only.

#include <memory>
#include <optional>

#include "api/context.hpp"
#include "api/stream/stream_hub.hpp"
#include "http/message.hpp"
#include "http/server.hpp"

namespace api {

// Returns 429 if the client's address has too many streams. Otherwise returns the response, whose
// stream runs until the client disconnects or the server drains.
http::outgoing_response start_stream(const request_context& context, const http::request& request,
                                     std::shared_ptr<stream_hub> hub);

}  // namespace api
