#pragma once
// The writes of the store over the driver: compare-and-swap by {_id, rev}, with a repetition after
// an error that leaves the effect unknown. Sequential code over the interface of the driver, so
// that unit tests script every order of errors. Thread: any; the functions block.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "mongo/driver.hpp"
#include "mongo/stored_document.hpp"
#include "ports/document_store.hpp"

namespace mongo {

inline constexpr std::size_t bulk_statements_max = 50;
inline constexpr std::size_t bulk_bytes_max = std::size_t(8) << 20;

// One object per call of the store.
class document_writes {
  public:
    explicit document_writes(driver& target, base::steady_time deadline)
        : driver_(target), deadline_(deadline) {}

    // Errors: as ports::document_store. Precondition: check_document() succeeds.
    base::outcome<ports::revision> put(const ports::put_request& request);
    base::outcome<void> remove(const ports::delete_request& request);
    // Writes the requests in bulks of one collection each and returns one outcome per request, in
    // order.
    std::vector<base::outcome<ports::revision>> put_bulk(
        const std::vector<ports::put_request>& requests);

    // Inserts each document with the revision `expected` + 1. Returns the first error; a document
    // that exists is a conflict.
    base::outcome<void> restore(const std::vector<ports::put_request>& requests);

    // Returns the error of the driver that ended the call, if any.
    [[nodiscard]] const std::optional<call_error>& last_error() const noexcept {
        return last_error_;
    }
    // Returns the number of writes that were found applied after a lost response.
    [[nodiscard]] std::size_t confirmed() const noexcept { return confirmed_; }

  private:
    struct bulk_entry;
    struct attempt_state;

    call_result<std::optional<stored_version>> version_of(const std::string& collection,
                                                          const std::string& id);
    base::outcome<ports::revision> explain(const ports::put_request& request,
                                           const attempt_state& state);
    base::outcome<ports::revision> judge(const ports::put_request& request,
                                         const attempt_state& state,
                                         const std::optional<stored_version>& present);
    std::vector<base::outcome<ports::revision>> write_all(
        const std::vector<ports::put_request>& requests, bool are_inserts);
    [[nodiscard]] bool may_retry(const call_error& error, int attempt) const;
    base::failure give_up(const call_error& error, bool is_unconfirmed);
    void write_chunk(const std::string& collection, std::vector<bulk_entry>& entries,
                     std::vector<base::outcome<ports::revision>>& results);
    void confirm_chunk(const std::string& collection, std::vector<bulk_entry>& entries,
                       const std::optional<call_error>& failure,
                       std::vector<base::outcome<ports::revision>>& results);
    [[nodiscard]] std::chrono::milliseconds remaining() const;

    driver& driver_;
    base::steady_time deadline_;
    std::optional<call_error> last_error_;
    std::size_t confirmed_ = 0;
};

}  // namespace mongo
