#pragma once
// An extension of the API server for simulated clusters (devcluster/synthetic): observes every
// change, writes through api_core, and may serve services/proxy. Everything runs on the server's
// loop.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "aio/aio.hpp"
#include "devcluster/apiserver/api_core.hpp"
#include "http/server.hpp"

namespace apiserver {

class simulator {
  public:
    struct proxied {
        http::outgoing_response outgoing{};
        std::chrono::milliseconds delay{0};  // response time of the backend
        bool hangs = false;                  // the backend accepts the request and never responds
    };

    virtual ~simulator() = default;
    // Must not write, because other listeners have not seen the change yet. The simulator queues
    // its reaction.
    virtual void on_change(const change_event& event) = 0;
    // nullopt: the request goes to the service's Endpoints.
    virtual std::optional<proxied> proxy(const request_info& info) = 0;
    // Receives the members of POST /devcluster/faults that the server does not define. Clears all
    // faults that are not among them. Errors: invalid (names the member; nothing has changed).
    virtual base::outcome<void> set_faults(const json::object& wanted) = 0;
    // The "simulator" member of GET /devcluster/stats.
    [[nodiscard]] virtual json::object stats() const = 0;
    // Ends its work. The server awaits this before its loop ends.
    virtual aio::task<> stop() = 0;
};

using make_simulator = std::function<std::unique_ptr<simulator>(
    aio::executor executor, api_core& content, object_store& objects)>;

}  // namespace apiserver
