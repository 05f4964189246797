#pragma once
// Somebody who lives on the server's loop beside the content: hears of every change, writes through
// the core, and may answer for what services/proxy leads to. For clusters that are only played
// (devcluster/synthetic); everything on the server's loop.

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
        http::outgoing_response answer{};
        std::chrono::milliseconds after{0};  // how long the backend takes
        bool never = false;                  // it takes the request and says nothing
    };

    virtual ~simulator() = default;
    // Must not write: the change is still being told. To be noted, and acted upon later.
    virtual void on_change(const change_event& event) = 0;
    // Nothing: the usual way, by the service's Endpoints.
    virtual std::optional<proxied> proxy(const call& asked) = 0;
    // The members of POST /devcluster/faults that the server does not know; what is not among them
    // goes back to no trouble. Failure: invalid (names the member; nothing has changed).
    virtual base::outcome<void> set_faults(const json::object& wanted) = 0;
    // For GET /devcluster/stats.
    [[nodiscard]] virtual json::object stats() const = 0;
    // Ends its work; the server waits for that before its loop ends.
    virtual aio::task<> stop() = 0;
};

using make_simulator = std::function<std::unique_ptr<simulator>(aio::executor on, core& content,
                                                                object_store& objects)>;

}  // namespace apiserver
