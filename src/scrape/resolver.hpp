#pragma once
// Host names to addresses, remembered: a database is scraped again and again, and its service's
// address hardly ever changes. A look-up blocks a thread of a pool, never the loop, and nobody
// waits for one past his deadline. Lives on the control loop; the pool must outlive it.

#include <functional>
#include <memory>
#include <string>

#include "aio/aio.hpp"
#include "base/clock.hpp"

namespace scrape {

class resolver {
  public:
    virtual ~resolver() = default;
    // An IP address. One that was known is given at once, and looked up again beside when it is
    // old. Failures: not_found (there is no such name), unavailable, timed_out (at `deadline`),
    // cancelled.
    virtual aio::task<std::string> resolve(std::string host, base::steady_time deadline) = 0;
    // The address does not answer: the next resolve() waits for a look-up.
    virtual void forget(const std::string& host) = 0;
};

// Blocks; any thread. Failures: not_found, unavailable.
using look_up_function = std::function<base::outcome<std::string>(const std::string& host)>;
// getaddrinfo's first address.
base::outcome<std::string> look_up_address(const std::string& host);

struct resolver_options {
    std::chrono::seconds fresh_for{60};
    std::size_t names_max = 50'000;  // remembered; beyond it the old ones are dropped
};

std::unique_ptr<resolver> make_resolver(aio::executor on, aio::blocking_pool& pool,
                                        const base::clock& clock,
                                        look_up_function look_up = look_up_address,
                                        resolver_options how = {});

}  // namespace scrape
