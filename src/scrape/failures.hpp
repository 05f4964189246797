#pragma once
// The causes of a scrape without a page. They are the same for every fetcher. Pure.

#include <string>

#include "base/failure.hpp"
#include "domain/scrape_cause.hpp"
#include "http/message.hpp"
#include "scrape/source.hpp"

namespace scrape {

using cause = domain::scrape_cause;

// Returns a failure with the code of the cause.
std::unexpected<base::failure> fail(cause cause, std::string text);

// Returns the failure of a client with the matching cause, or without a cause if the failure does
// not concern the exporter. The Kubernetes client builds its failures from Status
// bodies of the API server.
base::failure page_failure(base::failure error);

// Returns the page of a response of the exporter or of the service proxy. The text of a failure has
// the status and an excerpt of the body. Errors: those of page_fetcher.
base::outcome<fetched_page> page_of(http::response response);

}  // namespace scrape
