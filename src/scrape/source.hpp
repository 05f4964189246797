#pragma once
// Implements ports::metrics_source with exporter pages: fetches a page, evaluates it with the plan
// of the engine, and keeps the counters of each member for the next scrape. A page_fetcher fetches
// the pages. Lives on the scrape loop, owned by main.

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "aio/task.hpp"
#include "base/clock.hpp"
#include "http/message.hpp"
#include "ports/metrics_source.hpp"
#include "scrape/exposition.hpp"

namespace scrape {

struct fetched_page {
    std::string bytes;
    std::string content_type;
};

class page_fetcher {
  public:
    virtual ~page_fetcher() = default;
    // Fetches the page of a database. Errors, with a domain::scrape_cause: unavailable, timed_out,
    // denied, not_found, limit, corrupt (not HTTP, or an unexpected status). Without: cancelled.
    virtual aio::task<fetched_page> fetch(ports::scrape_target target,
                                          base::steady_time deadline) = 0;
};

// Sends a GET for a path with query. The body must not exceed `body_bytes_max`.
using get_function = std::function<aio::task<http::response>(
    std::string path, base::steady_time deadline, std::size_t body_bytes_max)>;
using namespace_function = std::function<std::string(const std::string& project)>;

// Fetches through the API server:
// /api/v1/namespaces/<namespace>/services/http:<name>-stats:metrics/proxy/metrics. `get` calls the
// Kubernetes client, so this module does not depend on it. The client may report an error status as
// a response or as a failure.
std::unique_ptr<page_fetcher> make_service_proxy_fetcher(get_function get, namespace_function ns,
                                                         page_limits limits = {});

struct source_options {
    // Between two scrapes of one database.
    std::chrono::nanoseconds interval = domain::metrics_interval_default;
    page_limits limits{};
};

// The fetcher must outlive the source. A further error of scrape(): unsupported (no rules for the
// engine).
std::unique_ptr<ports::metrics_source> make_source(page_fetcher& fetcher, const base::clock& clock,
                                                   source_options options = {});

}  // namespace scrape
