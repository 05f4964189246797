#pragma once
// The way from services/proxy and pods/proxy to what they lead to: one pooled client per address,
// the longest unused ones given up. Belongs to the server's loop.

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "devcluster/apiserver/api_core.hpp"
#include "http/client.hpp"

namespace apiserver {

class backends {
  public:
    explicit backends(aio::executor on) : executor_(std::move(on)) {}
    // The backend's status, body and Content-Type; 503 when it cannot be reached. Of the request
    // go method, body, Accept and Content-Type; never Authorization.
    boost::asio::awaitable<http::response> forward(proxy_order order, http::request incoming);

  private:
    struct entry {
        // Also owned by the requests under way: an entry may be given up meanwhile.
        std::shared_ptr<http::client> client;
        std::uint64_t used = 0;
    };
    std::shared_ptr<http::client> client_for(const proxy_order& order);

    aio::executor executor_;
    std::map<std::pair<std::string, std::uint16_t>, entry> entries_;
    std::uint64_t uses_ = 0;
};

}  // namespace apiserver
