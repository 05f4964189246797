#pragma once
// Resolves host names to addresses and caches them, because the address of a service rarely
// changes. A look-up blocks a thread of a pool, never the loop. A caller waits until its deadline
// at most. Lives on the loop of its executor.

#include <functional>
#include <memory>
#include <string>

#include "aio/aio.hpp"
#include "base/clock.hpp"

namespace scrape {

class resolver {
  public:
    virtual ~resolver() = default;
    // Returns an IP address. Returns a cached address immediately, and starts a look-up if the
    // address is older than `fresh_for`. Errors: not_found (no such name), unavailable, timed_out
    // (at `deadline`), cancelled.
    virtual aio::task<std::string> resolve(std::string host, base::steady_time deadline) = 0;
    // Drops the address of a host that is unreachable: the next resolve() waits for a look-up.
    virtual void forget(const std::string& host) = 0;
};

// Blocks. Any thread. Errors: not_found, unavailable.
using look_up_function = std::function<base::outcome<std::string>(const std::string& host)>;
// Returns the first address of getaddrinfo().
base::outcome<std::string> look_up_address(const std::string& host);

struct resolver_options {
    std::chrono::seconds fresh_for{60};
    std::size_t names_max = 50'000;  // in the cache; beyond it old entries are dropped
};

// The pool must outlive the resolver.
std::unique_ptr<resolver> make_resolver(aio::executor executor, aio::blocking_pool& pool,
                                        const base::clock& clock,
                                        look_up_function look_up = look_up_address,
                                        resolver_options options = {});

}  // namespace scrape
