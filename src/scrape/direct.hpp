#pragma once
// Pages straight from the exporters, for a platform that runs inside of the cluster:
// http://<name>-stats.<namespace>.svc:<port>/metrics. One connection per scrape, closed after it.
// Everything here lives on the control loop.

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>

#include "aio/aio.hpp"
#include "scrape/resolver.hpp"
#include "scrape/source.hpp"

namespace scrape {

// Where exporters listen: the port named "metrics" of each database's stats service, as whoever
// watches services tells.
class port_registry {
  public:
    // Nothing: there is no such service, or no such port, any more.
    void note(const ports::database_key& key, std::optional<std::uint16_t> port) {
        if (port) {
            ports_.insert_or_assign(key, *port);
        } else {
            ports_.erase(key);
        }
    }
    [[nodiscard]] std::optional<std::uint16_t> find(const ports::database_key& key) const {
        const auto at = ports_.find(key);
        return at == ports_.end() ? std::nullopt : std::optional(at->second);
    }

  private:
    std::map<ports::database_key, std::uint16_t> ports_;
};

struct direct_options {
    std::size_t connections_max = 1024;  // scrapes beyond it are refused, not kept waiting
    page_limits limits{};
};

// The book and the names must outlive it. Failures: those of page_fetcher; "throttled" when too
// many are under way.
std::unique_ptr<page_fetcher> make_direct_fetcher(aio::executor on, resolver& names,
                                                  const port_registry& ports, namespace_function ns,
                                                  direct_options how = {});

}  // namespace scrape
