#pragma once
// ports::document_store in MongoDB: the store of several replicas. Blocking calls of the driver run
// in a pool of threads, one per connection. After a failed call the store is disconnected: calls
// fail at once, and a ping once per `probe_period` ends that state. Each write carries a write id,
// so that a repeated write after a lost response is distinguished from a write of another process.

#include <chrono>
#include <memory>

#include "base/secret.hpp"
#include "obs/log.hpp"
#include "obs/metrics.hpp"
#include "ports/document_archive.hpp"

namespace mongo {

struct store_options {
    base::secret url;  // mongodb:// or mongodb+srv://; its options have precedence
    // Of the wait in the queue and of each command. A call takes up to `selection_timeout` longer
    // if it must look for a primary or connect, and a second `call_timeout` if the driver repeats
    // the command.
    std::chrono::milliseconds call_timeout{10'000};
    // Timeout of the search for a primary.
    std::chrono::milliseconds selection_timeout{5000};
    std::chrono::milliseconds probe_period{1000};
    std::int32_t connections_max = 50;
    std::size_t queue_max = 10'000;
};

class mongo_store : public ports::document_archive {
  public:
    // Connects with another URL and puts it into use if it leads to the same store, for example
    // with a new password. Calls in progress end on the previous connections. After an error the
    // previous URL stays in use. Errors: invalid (not a URL, or another database), conflict (the
    // database is not a store of the platform), denied, unavailable, unsupported. No text contains
    // credentials.
    virtual aio::task<> change_url(base::secret url) = 0;
};

// Connects, upgrades the schema, and creates and checks the indexes. Errors: invalid (URL),
// unavailable (no primary within `selection_timeout`), denied (credentials), unsupported (the
// schema is newer than this program), corrupt (the schema document), conflict (foreign indexes).
// The text contains no credentials. Blocks.
base::outcome<std::unique_ptr<mongo_store>> open_store(store_options options, obs::log& log,
                                                       obs::registry& registry);

}  // namespace mongo
