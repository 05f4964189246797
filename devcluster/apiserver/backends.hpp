#pragma once
// Forwards requests of services/proxy and pods/proxy to their backends: one pooled client per
// address, with least-recently-used eviction. Belongs to the server's loop.

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "devcluster/apiserver/api_core.hpp"
#include "http/client.hpp"

namespace apiserver {

class backends {
  public:
    explicit backends(aio::executor executor) : executor_(std::move(executor)) {}
    // Returns the backend's status, body and Content-Type; 503 if the backend is unreachable.
    // Forwards the method, body, Accept and Content-Type, never Authorization.
    boost::asio::awaitable<http::response> forward(proxy_target target, http::request incoming);

  private:
    struct entry {
        // Shared with the requests in flight: the entry may be evicted before they end.
        std::shared_ptr<http::client> client;
        std::uint64_t used = 0;
    };
    std::shared_ptr<http::client> client_for(const proxy_target& target);

    aio::executor executor_;
    std::map<std::pair<std::string, std::uint16_t>, entry> entries_;
    std::uint64_t uses_ = 0;
};

}  // namespace apiserver
