#pragma once
// The thin shell over libmongoc: a pool of connections to one database, and blocking calls that
// take and return BSON as bytes. Each call has a deadline: server selection, connect and socket
// timeouts of the pool, and maxTimeMS of reads. Writes are acknowledged by a majority and
// journaled. The store owns it. Thread: any; a call blocks, so callers run in the blocking pool.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"
#include "mongo/call_error.hpp"

namespace mongo {

struct driver_options {
    base::secret url;
    std::chrono::milliseconds selection_timeout{5000};
    std::chrono::milliseconds connect_timeout{5000};
    // Of one command, including the acknowledgement by a majority.
    std::chrono::milliseconds socket_timeout{10'000};
    std::int32_t connections_max = 50;  // an option of the URL has precedence
    // Receives the duration of each call. Thread: any.
    std::function<void(std::string_view command, std::chrono::nanoseconds duration,
                       std::optional<error_kind> error)>
        observe{};
};

struct write_counts {
    std::int64_t inserted = 0;
    std::int64_t matched = 0;
    std::int64_t deleted = 0;
};

// One statement of a bulk. An empty filter inserts the document.
struct bulk_statement {
    std::string filter;
    std::string document;
};

struct bulk_result {
    write_counts counts;
    std::vector<std::pair<std::size_t, call_error>> errors;  // index of the statement, its error
    std::optional<call_error> failure;                       // of the whole command
};

class driver {
  public:
    driver() = default;
    driver(const driver&) = delete;
    driver& operator=(const driver&) = delete;
    virtual ~driver() = default;

    virtual call_result<void> insert(const std::string& collection, std::string_view document) = 0;
    // Replaces at most one document. Returns matched = 0 or 1.
    virtual call_result<write_counts> replace(const std::string& collection,
                                              std::string_view filter,
                                              std::string_view document) = 0;
    virtual call_result<write_counts> erase(const std::string& collection,
                                            std::string_view filter) = 0;
    // Runs the statements in any order.
    virtual bulk_result bulk(const std::string& collection,
                             std::span<const bulk_statement> statements) = 0;
    // Returns the documents as bytes, from the primary.
    virtual call_result<std::vector<std::string>> find(const std::string& collection,
                                                       std::string_view filter,
                                                       std::string_view options) = 0;
    // Runs a command on the primary. Returns the response.
    virtual call_result<std::string> command(std::string_view command_name,
                                             std::string_view command) = 0;
    virtual call_result<std::vector<std::string>> collection_names() = 0;
    // Returns the maximum number of connections.
    [[nodiscard]] virtual std::size_t connections_max() const noexcept = 0;
};

// Resolves a mongodb+srv URL; opens no connection. Errors: invalid (URL), unavailable (the SRV
// record cannot be resolved), unsupported (an option of the URL that this build lacks).
base::outcome<std::unique_ptr<driver>> make_driver(driver_options options);

}  // namespace mongo
