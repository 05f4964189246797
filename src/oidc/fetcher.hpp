#pragma once
// Sends requests to the endpoints of issuers, each of which may be on another origin. Belongs to
// one loop.

#include <memory>
#include <string>

#include "aio/aio.hpp"
#include "base/clock.hpp"
#include "base/secret.hpp"
#include "http/message.hpp"

namespace oidc {

struct fetch_request {
    http::method verb = http::method::get;
    std::string url;
    http::headers headers{};
    std::string body{};
};

class fetcher {
  public:
    virtual ~fetcher() = default;
    // Returns the response of any status. Does not follow redirects. Errors: invalid (the URL),
    // unavailable, timed_out (after 5 s), limit (a body over 256 KiB), denied (TLS verification).
    virtual aio::task<http::response> send(fetch_request request) = 0;
};

// A fetcher whose trusted authorities change while it is in use.
class issuer_fetcher : public fetcher {
  public:
    // Trusts these authorities in requests that begin from now on, on new connections; empty: the
    // system's. Errors: invalid (bad PEM); nothing has changed then.
    virtual base::outcome<void> use_authorities(std::string ca_pem) = 0;
};

// Returns whether requests to the URL are safe: https, or http to a loopback address.
bool is_safe_url(std::string_view url);

// `ca_pem`: trusted authorities; empty: the system's. Errors: invalid (bad PEM).
base::outcome<std::unique_ptr<issuer_fetcher>> make_fetcher(aio::executor executor,
                                                            std::string ca_pem);

}  // namespace oidc
