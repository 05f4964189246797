#pragma once
// Fetches pages directly from the exporters, for a platform that runs inside the cluster:
// http://<name>-stats.<namespace>.svc:<port>/metrics. One connection per scrape, closed after the
// response. Lives on the loop of its executor.

#include <cstddef>
#include <memory>

#include "aio/aio.hpp"
#include "scrape/resolver.hpp"
#include "scrape/source.hpp"

namespace scrape {

struct direct_options {
    std::size_t connections_max = 1024;  // further scrapes fail, they do not wait
    page_limits limits{};
};

// The resolver must outlive the fetcher. Errors: those of page_fetcher; unavailable/"throttled" if
// `connections_max` scrapes are in progress.
std::unique_ptr<page_fetcher> make_direct_fetcher(aio::executor executor, resolver& resolver,
                                                  namespace_function ns,
                                                  direct_options options = {});

}  // namespace scrape
