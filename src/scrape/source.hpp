#pragma once
// ports::metrics_source over exporter pages: fetches a page, reads it with the engine's plan, keeps
// the counters of each database's members for the next time. How a page is fetched is behind
// page_fetcher. Everything here lives on the control loop and is owned by main; the fetcher must
// outlive the source.

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
    // Failures: unavailable, timed_out, denied, not_found, limit, corrupt (no HTTP, or a status
    // that says nothing), with the reasons of failures.hpp; cancelled.
    virtual aio::task<fetched_page> fetch(ports::scrape_target target,
                                          base::steady_time deadline) = 0;
};

// One GET: path and query, deadline, most bytes of the body.
using get_function = std::function<aio::task<http::response>(
    std::string path, base::steady_time deadline, std::size_t body_bytes_max)>;
using namespace_function = std::function<std::string(const std::string& project)>;

// Through the API server:
// /api/v1/namespaces/<namespace>/services/http:<name>-stats:metrics/proxy/metrics. `get` is the
// Kubernetes client's, so that this module does not know it; failures that it makes of Status
// bodies are understood as well as answers.
std::unique_ptr<page_fetcher> make_service_proxy_fetcher(get_function get, namespace_function ns,
                                                         page_limits limits = {});

struct source_options {
    std::chrono::nanoseconds interval =
        std::chrono::seconds(30);  // between two scrapes of one database
    page_limits limits{};
};

// A failure beyond those of the port: unsupported/"engine_without_mapping".
std::unique_ptr<ports::metrics_source> make_source(page_fetcher& pages, const base::clock& clock,
                                                   source_options options = {});

}  // namespace scrape
